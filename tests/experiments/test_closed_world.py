"""Students of a teacher drawn at random, on texts that it wrote."""

import numpy as np
import pytest

from configs import cache_bias, closed_world
from configs.shared.stories import TINY
from experiments import closed_world as experiment
from experiments.tools import worlds
from experiments.tools.plan import Mistake
from experiments.tools.rows import open_rows


def settings(config=closed_world, **change):
    return config.get_config("smoke").to_dict() | change


@pytest.fixture(scope="module")
def world():
    chosen = settings(train_rows=64, test_rows=16)
    return worlds.made(chosen, worlds.read(chosen["teacher"]), seed=3)


def test_texts_are_drawn_from_the_teacher(world):
    batch = world.train.take(np.arange(64))
    assert (batch["inputs"][:, 0] == 1).all() and (batch["token_mask"] == 1).all()
    assert (batch["inputs"][:, 1:] == batch["label"][:, :-1]).all()
    other = world.test.take(np.arange(16))["label"]
    assert (batch["label"][:16] != other).any(), "tested on what is learned from"
    assert len({tuple(row) for row in batch["label"].tolist()}) > 60


def test_a_row_for_each_method_is_there_once(tmp_path):
    terms = closed_world.terms("reverse")
    methods = {"own": {"terms": terms, "share": 1.0, "num_steps": 2}}
    config = settings(methods=methods)
    rows = list(experiment.run(config, tmp_path))
    assert [row["stage"] for row in rows] == ["teacher", "first", "own"]
    teacher, _, own = rows
    assert teacher["kl"] == teacher["kl_reverse"] == 0 and teacher["acceptance"] == 1
    assert own["kl"] > 0 and own["kl_reverse"] > 0 and 0 < own["acceptance_own"] < 1
    assert own["tokens"] == 2 * config["batch_size"] * config["context"]
    append = open_rows(tmp_path / "rows.jsonl", ("stage", "size", "seed"))
    for row in rows:
        append(row)
    assert not list(experiment.run(config, tmp_path)), "computed again"


def test_the_bar_knows_the_runs_that_are_left_with_the_first_of_each_size():
    students = {"small": {}, "large": {}}
    methods = {"own": {"num_steps": 2}, "kl": {}}
    config = {"methods": methods, "first": {"num_steps": 5}, "students": students,
              "seeds": [0, 1], "num_steps": 9}  # fmt: skip
    names = ("first", "own", "kl")
    there = {(name, size, 0) for name in names for size in students}
    one = {"small-first 1": 5, "small-own 1": 2, "small-kl 1": 9}
    large = {"large-first 1": 5, "large-own 1": 2, "large-kl 1": 9}
    assert experiment._runs(config, there) == one | large
    there |= {(name, "large", 1) for name in names} | {("own", "small", 1)}
    left = {"small-first 1": 5, "small-kl 1": 9, "large-first 1": 5}
    assert [*experiment._runs(config, there).items()] == [*left.items()]
    assert (
        experiment._runs(config, there | {("kl", "small", 1), ("first", "small", 1)})
        == {}
    )


def test_caches_keep_what_they_say(world, tmp_path):
    config = settings(cache_bias, train_rows=64)
    job = experiment.Job(config, world, "tiny", 0, tmp_path)
    methods = config["methods"]
    _, tail = experiment.taught(job, methods["4 largest and a tail"])
    with pytest.warns(UserWarning, match="of the teacher's probability"):
        split, best = experiment.taught(job, methods["4 largest, renormalised"])
    assert 4 < tail["bytes_per_token"] == best["bytes_per_token"]
    assert 0 < tail["mass"] == best["mass"] < 1
    sparse = split.take([0])["outputs"]["teacher"].sparse
    assert sparse.log_tail is None
    np.testing.assert_allclose(np.exp(sparse.log_p).sum(-1), 1, atol=1e-5)
    assert experiment.taught(job, methods["full"]) == (world.train, {})
    drawn, _ = experiment.taught(job, methods["8 draws"])
    shares = np.exp(drawn.take([0])["outputs"]["teacher"].sparse.log_p) * 8
    np.testing.assert_allclose(shares, shares.round(), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": {"a": {}}}, r"config.methods\['a'\] needs 'terms'"),
        ({"methods": {"a": {"terms": {}, "sahre": 1}}}, "has 'sahre'; valid"),
        ({"first": {}}, r"config.methods\['first'\] needs 'terms'"),
        ({"teacher": TINY}, "config.teacher: .*vocab"),
        ({"teacher": {"file": "nowhere.bin"}}, "config.teacher: "),
    ],
)
def test_a_mistake_is_one_line(tmp_path, change, message):
    with pytest.raises(Mistake, match=message):
        next(experiment.run(settings(**change), tmp_path))


def test_what_the_student_will_write_has_no_cache(tmp_path):
    both = {"share": 0.5, "cache": {"name": "top_k"}, **settings()["first"]}
    with pytest.raises(Mistake, match="will write has no cache"):
        next(experiment.run(settings(methods={"a": both}), tmp_path))
