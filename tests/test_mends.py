"""Who has one thing where another is wanted is told what to do."""

import equinox as eqx
import flax.linen as nn
import jax
import pytest
from flax import nnx
from flax.core import FrozenDict

from jdistill.mends import MENDS, mend, near
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


@pytest.mark.parametrize(
    ("wanted", "names", "said"),
    [
        ("kernal", ("kernel", "bias"), "did you mean 'kernel'? "),
        ("dense/kernel", ("Dense_0/kernel", "bias"), "did you mean 'Dense_0/kernel'? "),
        (".*/gate/.*", ("bias", "block/gate/kernel"), "'block/gate/kernel'"),
        ("x", ("kernel",), ""),
        ("", ("kernel",), ""),
    ],
)
def test_names_like_one_that_is_not_there_are_asked_for(wanted, names, said):
    found = near(wanted, names)
    assert said in found and bool(found) == bool(said)


def test_of_many_names_that_have_the_wanted_one_few_are_asked_for():
    names = [f"layer_{i}/kernel" for i in range(50)]
    assert near("kernel", names).count("kernel") == 3
    assert near("kernel", names, most=1).count("kernel") == 1
