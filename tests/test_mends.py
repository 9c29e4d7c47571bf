"""Who has one thing where another is wanted is told what to do."""

import equinox as eqx
import flax.linen as nn
import jax
import pytest
from flax import nnx
from flax.core import FrozenDict

from jdistill.mends import MENDS, mend
from jdistill.typing import DataSet, Frozen, Model, State

LINEAR = nnx.Linear(2, 3, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("wanted", "value", "said"),
    [
        ("Model", nn.Dense(3), r"from_linen\(module\)"),
        ("Model", LINEAR, r"from_nnx\(factory\)"),
        ("Model", eqx.nn.Linear(2, 3, key=jax.random.key(0)), "from_function"),
        ("Frozen", {"w": 1.0}, r"Frozen\(params\)"),
        ("Frozen", FrozenDict(w=1.0), r"Frozen\(params\)"),
        ("Frozen", nnx.state(LINEAR), r"Frozen\(params\)"),
        ("Frozen", State(*range(10)), "learner.finish"),
        ("Frozen", ({}, {}), r"Frozen\(\*pair\)"),
        ("Split", DataSet(1, 2, 3, len), "dataset.train"),
        ("Learner", Model(len, len), r"train\.learner"),
        ("batches", 3, "one of them"),
        ("encoded", Frozen({}), "learner.encode"),
    ],
)
def test_what_is_known_of_a_value_ends_the_message(wanted, value, said):
    assert mend(wanted, value).startswith(": ")
    with pytest.raises(TypeError, match=said):
        raise TypeError(mend(wanted, value))


@pytest.mark.parametrize("value", [3, None, "w", Model(len, len)])
def test_nothing_is_said_where_nothing_is_known(value):
    assert mend("Frozen", value) == ""
    assert mend("nonesuch", value) == ""


def test_each_mend_is_one_short_line():
    for known in MENDS.values():
        assert all(len(said) < 60 and "\n" not in said for said in known.values())
