import json

import pytest

from benchmarks import _measure
from benchmarks._measure import Taken


def test_a_speedup_is_the_median_of_the_ratios_of_each_round():
    ours = [Taken(1.0, 2.0), Taken(2.0, 2.0), Taken(4.0, 2.0)]
    theirs = [Taken(3.0, 4.0), Taken(4.0, 6.0), Taken(4.0, 8.0)]
    row = _measure.speedup("figure", ours, theirs, size=7)
    assert row["ratios"] == [3.0, 2.0, 1.0]
    assert (row["ratio"], row["cpu_ratio"]) == (2.0, 3.0)
    assert (row["ours_s"], row["theirs_s"], row["n"], row["size"]) == (2.0, 4.0, 3, 7)


def test_a_cost_is_the_inverse_of_a_speedup():
    ours, theirs = [Taken(3.0, 1.0)], [Taken(2.0, 4.0)]
    row = _measure.cost("figure", ours, theirs)
    assert (row["ratio"], row["cpu_ratio"]) == (1.5, 0.25)
    assert (row["ours_s"], row["theirs_s"]) == (3.0, 2.0)


def test_the_order_turns_round_every_round():
    calls = []

    def call(name):
        return lambda: calls.append(name) or Taken(0.0, 0.0)

    taken = _measure.interleaved({"a": call("a"), "b": call("b")}, rounds=3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert {name: len(times) for name, times in taken.items()} == {"a": 3, "b": 3}


def test_a_round_of_turns_is_their_sum_and_the_warming_up_is_not_in_it():
    calls = []
    taken = _measure.in_turns({"a": lambda: calls.append(0)}, rounds=2, turns=3)
    assert len(calls) == 1 + 2 * 3
    assert len(taken["a"]) == 2
    assert _measure.total([Taken(1.0, 2.0), Taken(3.0, 4.0)]) == Taken(4.0, 6.0)


def test_rows_are_printed_and_appended_as_json_lines(tmp_path, capsys):
    out = tmp_path / "rows.jsonl"
    out.write_text("")
    _measure.write([{"name": "a"}], str(out))
    _measure.write([{"name": "b"}], str(out))
    lines = out.read_text().splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["a", "b"]
    assert capsys.readouterr().out.splitlines() == lines


def test_a_row_says_on_what_it_was_measured():
    columns = _measure.where_and_with(2)
    assert columns["threads"] == 2
    assert {"python", "jax", "numpy"} <= set(columns["versions"])
    assert "cores" in columns["hardware"]


@pytest.mark.parametrize("line", [[], ["--rounds", "3"]])
def test_a_size_on_the_command_line_replaces_the_default(line, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmark", *line])
    assert _measure.arguments(rounds=5).rounds == (3 if line else 5)
