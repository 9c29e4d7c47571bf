"""What is mistaken for another thing is named, with what it is and the mend."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, data, kinds, losses, models, objective, train
from jdistill.typing import DataSet, Frozen

ARRAYS = {"inputs": np.ones((6, 2), np.float32), "label": np.arange(6) % 2}
SPLIT = data.in_memory(ARRAYS, classes=("a", "b"))
TERM = objective.on_labels(losses.cross_entropy)
GOAL = objective.combine(ce=TERM)
MODEL = models.mlp(classes=2)
LEARNER = train.learner(MODEL, GOAL, optax.sgd(1.0))
STATE = LEARNER.init(jax.random.key(0), SPLIT.take(np.arange(2)))
GOOD = {
    kinds.model: MODEL,
    kinds.variables: Frozen({}),
    kinds.split: SPLIT,
    kinds.learner: LEARNER,
    kinds.objective: GOAL,
    kinds.compression: compress.identity(),
    kinds.optimiser: optax.sgd(1.0),
    kinds.function: len,
    kinds.mapping: {},
    kinds.batches: [ARRAYS],
    kinds.rows: [{}],
    kinds.batch: ARRAYS,
}


@pytest.mark.parametrize("check", GOOD, ids=lambda check: check.__name__)
def test_each_check_takes_what_it_is_for_and_names_what_is_not(check):
    check(x=GOOD[check])
    with pytest.raises(
        TypeError, match=r"^x must be .*, got 3|^x must be .* got an int"
    ):
        check(x=3)


@pytest.mark.parametrize(
    ("check", "value", "mend"),
    [
        (kinds.variables, STATE, r"got a State: learner\.finish\(state\)"),
        (kinds.variables, STATE.params, r"Frozen\(params, state\), got a dict"),
        (kinds.split, DataSet(SPLIT, SPLIT, SPLIT, len), r"dataset\.train"),
        (kinds.objective, TERM, r"combine\(name=term\)"),
        (kinds.compression, compress.fake_quant, "the function fake_quant: call it"),
        (kinds.optimiser, optax.adam, "the function adam: call it"),
        (kinds.model, models, "got a module"),
        (kinds.batches, DataSet(SPLIT, SPLIT, SPLIT, len), r"dataset\.test"),
        (kinds.batches, ARRAYS, r"\[batch\]"),
        (kinds.batches, STATE, "got a State"),
        (kinds.batches, np.ones(3), r"got a ndarray: \[\{'inputs'"),
        (kinds.rows, {}, r"\[row\]"),
    ],
)
def test_the_usual_mistakes_have_a_mend(check, value, mend):
    with pytest.raises(TypeError, match=rf"^x must be .*{mend}"):
        check(x=value)


def test_a_split_gives_batches():
    kinds.batches(x=SPLIT)


def test_a_batch_is_arrays_of_as_many_examples():
    kinds.batch(x={**ARRAYS, "outputs": {"teacher": 1}, "none": None})
    with pytest.raises(TypeError, match=r"x\['inputs'\] must be an array, got a list"):
        kinds.batch(x={"inputs": [1.0]})
    with pytest.raises(ValueError, match=r"x\['share'\] has no axis"):
        kinds.batch(x={**ARRAYS, "share": jnp.float32(1)})
    with pytest.raises(ValueError, match=r"x\['share'\] must be an array, got a float"):
        kinds.batch(x={**ARRAYS, "share": 0.5})
    with pytest.raises(ValueError, match=r"differ in examples: \{'inputs': 6, 'label'"):
        kinds.batch(x={**ARRAYS, "label": np.ones(4)})
