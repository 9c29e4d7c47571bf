"""One stage: what it writes, and what it finds of an earlier run."""

import functools
import types

import jax
import numpy as np
import optax
import pytest

from experiments.tools import training
from experiments.tools.rows import read_rows
from experiments.tools.stages import Stage
from jdistill import models
from jdistill.typing import DataSet
from tests.train.examples import HARD, SOFT, adam, net, same, split

CONFIG = {
    "seed": 3,
    "batch_size": 8,
    "eval_batch": 16,
    "eval_every": 2,
    "save_every": 4,
}
PARTS = DataSet(split(40), split(17, 1), split(19, 2), prepare=lambda x: x)


@functools.cache
def stage(name="student", num_steps=6, **more):
    goal = SOFT if more.get("taught") else HARD
    teacher = net(widths=(7,)) if more.get("taught") else None
    learner = adam(net(), goal, optax.adam(1e-2), teacher=teacher)
    return Stage(name, {}, net(), learner, num_steps, **more)


def job(folder, fold=0, **more):
    return training.Job({**CONFIG, **more}, PARTS, fold, folder)


def test_curves_hold_each_point_once_for_train_and_valid(tmp_path):
    training.train_stage(job(tmp_path), stage(), {})
    training.train_stage(job(tmp_path), stage(), {})
    rows = read_rows(tmp_path / "curves.jsonl")
    points = [(row["step"], row["split"], row["name"]) for row in rows]
    assert len(points) == len(set(points))
    wanted = {
        ("train", "loss"),
        ("train", "ce"),
        ("train", "accuracy"),
        ("train", "nll"),
        ("valid", "accuracy"),
        ("valid", "nll"),
    }
    assert set(points) == {(step, *n) for step in (2, 4, 6) for n in wanted}
    assert all(row["stage"] == "student" and row["seed"] == 3 for row in rows)


def test_a_folder_made_anew_gets_all_its_points(tmp_path):
    import shutil

    for _ in range(2):
        training.train_stage(job(tmp_path / "run"), stage(), {})
        assert len(read_rows(tmp_path / "run/curves.jsonl")) == 18
        shutil.rmtree(tmp_path / "run")


def test_seconds_are_only_those_of_a_run_from_its_start(tmp_path):
    first = training.train_stage(job(tmp_path), stage(), {})
    again = training.train_stage(job(tmp_path), stage(), {})
    assert first.seconds > 0
    assert again.seconds is None
    assert same(first.frozen, again.frozen)
    assert same(first.encoded, again.encoded)


def test_folds_start_apart_and_the_stages_of_a_fold_alike(tmp_path):
    runs = [
        training.train_stage(job(tmp_path, fold), stage(name, 2), {}).frozen.params
        for name, fold in (("student", 0), ("student", 1), ("distilled", 0))
    ]
    first, other_fold, other_stage = (run["Dense_0"]["kernel"] for run in runs)
    assert not np.array_equal(first, other_fold)
    assert np.array_equal(first, other_stage)


def test_a_stage_starts_from_another_and_learns_from_the_teacher(tmp_path):
    learner = adam(net(widths=(7,)))
    teacher = Stage("teacher", {}, net(widths=(7,)), learner, 2)
    done = {"teacher": training.train_stage(job(tmp_path), teacher, {}).frozen}
    done["student"] = training.train_stage(job(tmp_path), stage(), {}).frozen
    still = adam(net(), SOFT, optax.sgd(0.0), teacher=net(widths=(7,)))
    later = Stage("later", {}, net(), still, 1, start="student", taught="teacher")
    found = training.train_stage(job(tmp_path), later, done)
    assert same(found.frozen, done["student"])


def test_a_stage_begins_behind_one_with_rounded_activations(tmp_path):
    rounded = models.simulate_int8(net())
    still = functools.partial(adam, goal=HARD, tx=optax.sgd(0.0))
    config = {"first": {}, "int8": {"activations": "int8"}}
    one = job(tmp_path, **config)
    stages = (
        Stage("first", {}, net(), still(net()), 1),
        Stage("int8", {}, rounded, still(rounded), 1, start="first", plain=net()),
        Stage("plain", {}, net(), still(net()), 1, start="int8"),
        Stage("again", {}, rounded, still(rounded), 1, start="int8", plain=net()),
    )
    done = {}
    for found in stages:
        done[found.name] = training.train_stage(one, found, done).frozen
    assert same(done["plain"], done["first"])
    assert same(done["again"], done["int8"])


def test_what_is_written_to_the_board_follows_the_run(tmp_path, monkeypatch):
    opened = []

    class Writer:
        def __init__(self, folder, step=0):
            opened.append(step)

        def __enter__(self):
            return lambda step, values: opened.append((step, sorted(values)))

        def __exit__(self, *args):
            opened.append("closed")

    monkeypatch.setattr(training, "scalars", Writer)
    training.train_stage(job(tmp_path), stage(num_steps=2), {})
    assert opened[0] == 2
    assert opened[1][1] == [f"train/{n}" for n in ("accuracy", "ce", "loss", "nll")]
    assert opened[-1] == "closed"
    opened.clear()
    training.train_stage(job(tmp_path), stage(num_steps=2), {})
    assert opened == []  # nothing new, so nothing that is there is hidden


def test_a_stage_that_fails_leaves_its_checkpoints_whole(tmp_path, monkeypatch):
    closed = []
    found = training.train.checkpoints

    def spied(folder, **more):
        store = found(folder, **more)
        return store._replace(close=lambda: closed.append(1) or store.close())

    fake = types.SimpleNamespace(
        checkpoints=spied, run=lambda *a, **k: (_ for _ in ()).throw(ValueError("no"))
    )
    monkeypatch.setattr(training, "train", fake)
    with pytest.raises(ValueError, match="no"):
        training.train_stage(job(tmp_path), stage(), {})
    assert closed == [1]


def test_a_job_of_several_devices_trains_on_them(tmp_path):
    from jdistill.train import data_mesh

    one = training.train_stage(job(tmp_path / "1"), stage(), {})
    mesh = data_mesh(jax.devices()[:4])
    four = training.train_stage(job(tmp_path / "4")._replace(mesh=mesh), stage(), {})
    kernel = four.frozen.params["Dense_0"]["kernel"]
    assert kernel.sharding.device_set == set(jax.devices()[:4])
    wanted = one.frozen.params["Dense_0"]["kernel"]
    np.testing.assert_allclose(kernel, wanted, rtol=1e-5, atol=1e-6)
