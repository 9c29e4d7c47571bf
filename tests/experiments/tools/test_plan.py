"""A plan is checked before its first step, and its faults say where they are."""

import jax
import numpy as np
import optax
import pytest

from experiments.tools import plan
from experiments.tools.optimisers import optimiser
from tests.train.examples import adam, net, split


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (KeyError("tx"), "config.x: 'tx' is missing"),
        (ValueError("no loss\nand more"), "config.x: no loss"),
        (IndexError("far"), "config.x: IndexError: far"),
        (MemoryError(), "config.x: there is not enough memory"),
    ],
)
def test_what_fails_in_a_place_is_said_of_it_in_one_line(fault, said):
    with pytest.raises(plan.Mistake) as caught, plan.at("config.x"):
        raise fault
    assert str(caught.value) == said


def test_the_innermost_place_and_the_file_system_speak_for_themselves():
    with (
        pytest.raises(plan.Mistake, match=r"^inner: no"),
        plan.at("outer"),
        plan.at("inner"),
    ):
        raise ValueError("no")
    with pytest.raises(FileNotFoundError), plan.at("outer"):
        raise FileNotFoundError("gone")


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "1", None, 2**31])
def test_counts_are_whole_and_positive(value):
    with pytest.raises(plan.Mistake, match=r"config\.batch_size must be"):
        plan.number(value, "config.batch_size")


@pytest.mark.parametrize("value", [(), (0, 0), "01", 3, (0.5,), (-1,)])
def test_lists_of_folds_have_each_once(value):
    with pytest.raises(plan.Mistake, match=r"config\.folds"):
        plan.distinct(value, "config.folds")


@pytest.mark.parametrize(
    "spec", [{"depth": 10**6}, {"a": [{"b": float("nan")}]}, {"widths": (2**31,)}]
)
def test_numbers_that_no_machine_takes_are_named(spec):
    with pytest.raises(plan.Mistake, match=r"config\."):
        plan.sizes(spec, "config")


def test_a_state_larger_than_the_memory_is_refused_without_being_made():
    shapes = plan.batch(split(24), 8, "config.batch_size")
    with pytest.raises(plan.Mistake, match=r"config.teacher needs .* GB of memory"):
        plan.trains("config.teacher", adam(net(widths=(10**9,))), shapes)
    with pytest.raises(plan.Mistake, match=r"config.batch_size needs .* GB"):
        plan.batch(split(24), 2**31 - 1, "config.batch_size")


def test_a_step_that_cannot_be_taken_is_found_and_computes_nothing():
    shapes = plan.batch(split(24), 8, "config.batch_size")
    state = plan.trains("config.student", adam(net()), shapes)
    assert isinstance(jax.tree.leaves(state)[0], jax.ShapeDtypeStruct)
    wrong = {**shapes, "label": jax.ShapeDtypeStruct((7,), np.int32)}
    with pytest.raises(plan.Mistake, match=r"^config\.student: ") as caught:
        plan.trains("config.student", adam(net()), wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("learning_rate", -1.0), ("learning_rate", float("nan")), ("b1", 7), ("b2", 1.0),
     ("weight_decay", -1.0), ("clip_norm", 0), ("max_norm", -2.0), ("warmup", 10)],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_by_optimisers(key, value):
    spec = {"name": "adamw", "learning_rate": 1e-3, key: value}
    with pytest.raises(ValueError, match=key):
        optimiser(spec, num_steps=10)


@pytest.mark.parametrize("steps", [0, -1, 2.5, True])
def test_no_steps_are_refused(steps):
    with pytest.raises(ValueError, match="num_steps must be a whole number above 0"):
        optimiser({"name": "adam", "learning_rate": 1e-3}, num_steps=steps)
    assert isinstance(
        optimiser({"name": "adam", "learning_rate": 1e-3}, num_steps=1),
        optax.GradientTransformation,
    )
