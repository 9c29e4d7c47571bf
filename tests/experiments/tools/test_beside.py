"""What runs of a sweep have in common is trained once."""

import json

import pytest

from experiments.tools import beside, training
from experiments.tools.rows import read_rows
from tests.experiments.tools.test_training import CONFIG, PARTS, stage
from tests.train.examples import same


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"sweep": ["objective"]}))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    return tmp_path


SECTIONS = {
    "stages": ("student", "distilled"),
    "student": {"model": {}},
    "distilled": {"model": "student", "teacher": "student"},
}
ONE, OTHER = {"model": {"x": 1}}, {"model": {"x": 2}}


def trained(folder, name="student", **more):
    job = training.Job({**CONFIG, **SECTIONS, **more}, PARTS, 0, folder)
    return training.train_stage(job, stage(name), {})


def test_what_no_value_concerns_is_trained_once(sweep, runs):
    first = trained(sweep / "a", objective={"temperature": 1}, student=ONE)
    again = trained(sweep / "b", objective={"temperature": 2}, student=ONE)
    assert runs[0][1] > 0 and runs[1][1] == 0
    assert same(first.frozen, again.frozen)
    curves = [read_rows(sweep / name / "curves.jsonl") for name in ("a", "b")]
    assert curves[0] == curves[1] and len(curves[0]) == 18


def test_what_a_value_concerns_is_trained_for_each(sweep, runs):
    trained(sweep / "a", student=ONE)
    trained(sweep / "b", student=OTHER)
    assert all(steps for _, steps in runs)
    trained(sweep / "a", "distilled", objective={"temperature": 1})
    trained(sweep / "b", "distilled", objective={"temperature": 2})
    assert all(steps for _, steps in runs) and len(runs) == 4


def test_folders_that_are_no_sweep_and_stages_that_were_stopped_give_nothing(sweep):
    trained(sweep / "a")
    made = beside.recipe({**CONFIG, **SECTIONS}, "student", 0)
    place, of = sweep / "b" / "fold0" / "student", {"curve": training.CURVE}
    (sweep / "config.json").write_text("{}")
    assert not beside.take(sweep / "b", place, made, **of)
    (sweep / "config.json").write_text(json.dumps({"sweep": ["seed"]}))
    (sweep / "a/fold0/student" / beside.FINISHED).unlink()
    assert not beside.take(sweep / "b", place, made, **of)
    beside.finish(sweep / "a/fold0/student", made)
    assert beside.take(sweep / "b", place, made, **of)
    assert not beside.take(sweep / "b", place, made, **of), "it has its own"
