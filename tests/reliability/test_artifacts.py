"""A short run of the damage; the whole is a command (see `artifacts`)."""

import numpy as np

from tests.reliability import artifacts, damage


def test_damaged_files_are_refused_in_one_line_and_take_little():
    found = list(artifacts.cases(0, 120, seed=1))
    assert [case for case in found if case.faults] == []
    row = artifacts.summary(found, seed=1)
    assert row["tried"] == row["refused"] + row["read"] == 120
    assert row["refused"] > 80 and row["read"] > 0
    assert len({case.said.split("damaged")[-1][:40] for case in found}) > 15


def test_every_way_of_damage_is_taken(tmp_path):
    rng, whole = np.random.default_rng(0), artifacts.files(tmp_path)[0]
    ways = {damage.damaged(rng, whole).way for _ in range(400)}
    single = {name for way in ways for name in way.split("+")}
    assert single >= {w.__name__ for w in (*damage.BLIND, *damage.SIGNED)}


def test_a_fault_is_seen(tmp_path, monkeypatch):
    """What the harness counts, made to happen."""
    data = damage.Damaged(artifacts.files(tmp_path)[0], "none", False)
    path = tmp_path / "damaged"

    def case(read):
        monkeypatch.setattr(artifacts, "_read", read)
        return artifacts._case(path, 0, data, b"whole").faults

    def fails(*_):
        raise KeyError("x")

    assert "other exception" in case(fails)
    assert case(lambda *_: b"other") == ("altered in silence",)
    assert case(lambda *_: np.ones(10**7).sum() and b"whole") == ("above 64 MB",)
    assert case(lambda *_: b"whole") == ()
