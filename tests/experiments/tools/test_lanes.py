"""Runs that differ in numbers of the objective train together, and are as if alone."""

import functools
import json

import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import pytest

from experiments.tools import lanes, training
from experiments.tools.flags import Variant
from experiments.tools.rows import read_rows
from experiments.tools.stages import Stage
from jdistill import compress, losses, models, objective, train
from tests.experiments.tools.test_training import CONFIG, PARTS
from tests.train.examples import close, frozen, net, same

TEACHER = net(widths=(7,))
DONE = {"teacher": frozen(TEACHER)}
OBJECTIVE = {"name": "hinton", "temperature": 2.0, "alpha": 0.5}


def variant(**values):
    config = ml_collections.ConfigDict({"objective": OBJECTIVE, "width": 3})
    flat = {key.replace("__", "."): value for key, value in values.items()}
    config.update_from_flattened_dict(flat)
    return Variant(config, {key: str(value) for key, value in flat.items()})


def swept(key, *values):
    return [variant(**{f"objective__{key}": value}) for value in values]


def groups(folder):
    return [group["runs"] for group in json.loads((folder / lanes.FILE).read_text())]


def test_runs_are_together_that_differ_in_numbers_of_the_objective_alone(tmp_path):
    runs = [
        variant(objective__temperature=t, width=w) for w in (3, 4) for t in (1.0, 4.0)
    ]
    lanes.note(tmp_path, runs)
    assert groups(tmp_path) == [
        [f"objective.temperature-{t}_width-{w}" for t in (1.0, 4.0)] for w in (3, 4)
    ]
    found = lanes.of(tmp_path / "objective.temperature-4.0_width-4")
    assert (found.folder, found.index) == (tmp_path / "lanes1", 1)
    assert found.values == {"objective.temperature": [1.0, 4.0]}


@pytest.mark.parametrize(
    "runs",
    [[variant(width=1), variant(width=2)], swept("name", "hinton", "other"),
     swept("alpha", 0.5)],
)  # fmt: skip
def test_other_runs_are_alone(tmp_path, runs):
    lanes.note(tmp_path, runs)
    assert not (tmp_path / lanes.FILE).exists()
    assert lanes.of(tmp_path / "objective.alpha-0.5") is None


def test_values_that_come_later_are_together_and_leave_what_there_is(tmp_path):
    lanes.note(tmp_path, swept("alpha", 0.1, 0.2))
    first = groups(tmp_path)
    lanes.note(tmp_path, swept("alpha", 0.1, 0.2))  # killed before a run began
    assert groups(tmp_path) == first
    for value in (0.1, 0.2):
        (tmp_path / f"objective.alpha-{value}").mkdir()
    lanes.note(tmp_path, swept("alpha", 0.3, 0.1, 0.2, 0.4))
    later = [f"objective.alpha-{value}" for value in (0.3, 0.4)]
    assert groups(tmp_path) == [*first, later]


FORMS = (
    *("{", "[1]", "null", "{}", "\xff", '[{"runs": ["a"]}]'),
    *('[{"runs": 3, "values": {}}]', '[{"runs": "a", "values": {"x": [1]}}]'),
    *('[{"runs": ["a"], "values": {"x": [1, 2]}}]', '[{"runs": ["a"], "values": {}}]'),
)


@pytest.mark.parametrize("text", FORMS)
def test_a_file_of_another_form_makes_no_lanes(tmp_path, text):
    (tmp_path / lanes.FILE).write_bytes(text.encode("latin-1"))
    assert lanes.of(tmp_path / "a") is None


def test_numbers_go_where_the_objective_has_them():
    spec = {"name": "combine", "kd": {"weight": 1.0, "loss": "kl"}}
    made = lanes.section(spec, {"objective.kd.weight": 3})
    assert made == {"name": "combine", "kd": {"weight": 3, "loss": "kl"}}
    assert spec["kd"]["weight"] == 1.0


@functools.cache
def stage(name="distilled", start=None, plain=None):
    """A stage of the configuration's objective, as the pipeline makes them."""
    prune = compress.magnitude(sparsity=0.5, every=2) if start else None
    model = net() if plain is None else models.simulate_int8(plain)
    learns = functools.partial(
        train.learner, model, tx=optax.adam(1e-2), teacher=TEACHER, compression=prune
    )
    goal = objective.hinton(temperature=2.0, alpha=0.5)
    named = {"taught": "teacher", "start": start, "learns": learns, "plain": plain}
    return Stage(name, {}, model, learns(goal), 6, **named)


def chain():
    return stage(), stage("quantised", "distilled", plain=net())


def at(temperature, found):
    goal = objective.hinton(temperature=temperature, alpha=0.5)
    return found._replace(learner=found.learns(goal))


SECTIONS = {
    "stages": ("teacher", "student", "distilled", "quantised"),
    "teacher": {},
    "student": {"model": {}},
    "distilled": {"model": "student", "teacher": "teacher"},
    "quantised": {"model": "student", "teacher": "teacher", "begin": "distilled"},
}


def job(folder, temperature):
    spec = {**OBJECTIVE, "temperature": temperature}
    config = {**CONFIG, **SECTIONS, "objective": spec}
    return training.Job(config, PARTS, 0, folder, lanes=lanes.of(folder))


@pytest.fixture
def sweep(tmp_path):
    lanes.note(tmp_path, swept("temperature", 1.0, 4.0))
    for value in (1.0, 4.0):
        (tmp_path / f"objective.temperature-{value}").mkdir()
    return lambda value: job(tmp_path / f"objective.temperature-{value}", value)


def ends(one, value):
    """What each stage of the chain ends with."""
    done = dict(DONE)
    for found in chain():
        trained = training.train_stage(one, at(value, found), done)
        done[found.name] = trained.frozen
        yield trained


def test_each_lane_is_what_the_run_is_alone(sweep, runs, tmp_path):
    for _ in ends(sweep(1.0), 1.0):
        pass
    (tmp_path / "alone").mkdir()
    one, alone = sweep(4.0), job(tmp_path / "alone", 4.0)
    assert one.lanes is not None and alone.lanes is None
    for lane, apart in zip(ends(one, 4.0), ends(alone, 4.0), strict=True):
        assert close(lane.frozen, apart.frozen, rtol=1e-4)
        assert close(lane.encoded, apart.encoded, rtol=1e-4)
        assert lane.seconds is None
    curves = [read_rows(x.workdir / "curves.jsonl") for x in (one, alone)]
    places = [[{**p, "value": 0} for p in curve] for curve in curves]
    assert places[0] == places[1] and len(places[0]) == 2 * 21
    values = [[p["value"] for p in curve] for curve in curves]
    np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-6)
    together = [steps > 0 for name, steps in runs if name.startswith("sweep")]
    assert together == [True, True, False, False]  # the second run found both


def test_lanes_may_begin_with_one_student(sweep, runs, tmp_path):
    student = training.train_stage(sweep(4.0), stage()._replace(learns=None), DONE)
    later = at(4.0, stage("quantised", "student"))
    done = {**DONE, "student": student.frozen}
    (tmp_path / "alone").mkdir()
    both = [
        training.train_stage(one, later, done).frozen
        for one in (sweep(4.0), job(tmp_path / "alone", 4.0))
    ]
    assert close(*both, rtol=1e-4)
    assert [name.startswith("sweep") for name, _ in runs] == [False, True, False]


def test_runs_whose_teachers_differ_are_trained_alone(sweep, runs):
    one, taught = sweep(4.0), at(4.0, stage("quantised"))
    wide = one.config["teacher"] | {"model": {}}
    chained = wide | {"model": "teacher", "teacher": "distilled"}
    for teacher in (wide, chained):
        config = {**one.config, "teacher": teacher}
        training.train_stage(one._replace(config=config), taught, DONE)
    # the assistant that the objective taught is another in each run
    assert [name.startswith("sweep") for name, _ in runs] == [True, False]


def test_a_killed_run_goes_on_with_its_lanes(sweep, runs, monkeypatch, tmp_path):
    whole = training.train_stage(sweep(4.0), at(4.0, stage()), DONE)
    (tmp_path / "lanes0").rename(tmp_path / "before")
    accuracies = training._accuracies

    def killed(*arguments):
        def callback(state, means):
            if int(state.step) == 6:
                raise KeyboardInterrupt
            accuracies(*arguments)(state, means)

        return callback

    monkeypatch.setattr(training, "_accuracies", killed)
    with pytest.raises(KeyboardInterrupt):
        training.train_stage(sweep(4.0), at(4.0, stage()), DONE)
    monkeypatch.setattr(training, "_accuracies", accuracies)
    again = training.train_stage(sweep(4.0), at(4.0, stage()), DONE)
    assert same(whole.frozen, again.frozen)
    assert len(runs) == 2


def concrete(student, teacher, *, temperature):
    if float(temperature) < 0:
        raise ValueError("too cold")
    return losses.kl(student, teacher, temperature=temperature)


def cold(temperature, alpha):
    kd = objective.on_logits(concrete, temperature=temperature)
    return objective.combine(kd=kd * alpha)


def test_an_objective_that_asks_for_python_numbers_is_trained_alone(
    sweep, runs, monkeypatch
):
    monkeypatch.setattr(lanes, "goal", lambda s: cold(s["temperature"], s["alpha"]))
    one = sweep(4.0)
    own = stage()._replace(learner=stage().learns(cold(4.0, 0.5)))
    done = {**DONE, "distilled": training.train_stage(one, own, DONE).frozen}
    later = at(4.0, stage("pruned", "distilled"))
    training.train_stage(one, later, done)
    assert [name.startswith("sweep") for name, _ in runs] == [False, False]


def test_a_lane_that_stopped_is_trained_alone(sweep, runs, monkeypatch):
    def goal(spec):
        weight = jnp.where(jnp.asarray(spec["temperature"]) < 2, jnp.inf, 1.0)
        return objective.combine(kd=objective.on_logits(losses.kl) * weight)

    monkeypatch.setattr(lanes, "goal", goal)
    whole = stage()._replace(learner=stage().learns(goal({"temperature": 4.0})))
    one = sweep(1.0)
    alone = training.train_stage(one, whole, DONE)
    assert alone.seconds is not None  # and there the run says what is not finite
    monkeypatch.setattr(lanes, "goal", lambda spec: objective.hinton(temperature=1.0))
    later = at(1.0, stage("quantised", "distilled"))
    training.train_stage(one, later, {**DONE, "distilled": alone.frozen})
    assert not runs[-1][0].startswith("sweep"), "the runs begin with other variables"
    monkeypatch.setattr(lanes, "goal", goal)
    sound = training.train_stage(sweep(4.0), whole, DONE)
    assert sound.seconds is None
    assert [name.startswith("sweep") for name, _ in runs] == [True, False, False, True]
