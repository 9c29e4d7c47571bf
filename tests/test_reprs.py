"""The nouns say in one short line what they are."""

import functools

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest
from flax import nnx

from jdistill import compress, data, losses, models, objective, train
from jdistill.typing import DataSet, Frozen, Model

SMALL = models.mlp(widths=(8,), classes=3)
BOTH = compress.chain(compress.magnitude(sparsity=0.5), compress.fake_quant())
SOFT = objective.hinton(temperature=2.0, alpha=0.5)
LEARNER = train.learner(
    SMALL, SOFT, optax.sgd(0.1), teacher=models.mlp(classes=3), compression=BOTH
)


@functools.cache
def parts():
    arrays = {"inputs": np.ones((6, 4), np.float32), "label": np.arange(6) % 3}
    split = data.in_memory(arrays, classes=("cat", "dog", "eel"))
    return DataSet(split, split, split, prepare=len)


def state():
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    learner = train.learner(SMALL, hard, optax.sgd(0.1))
    return train.run(learner, parts().train, key=jax.random.key(0), num_steps=2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (parts, "DataSet(train 6, valid 6, test 6; 3 classes (cat to eel), inputs f"),
        (lambda: parts().test, "Split(6 examples, 3 classes (cat to eel), inputs floa"),
        (
            lambda: parts().test._replace(arrays=None),
            "Split(6 examples, 3 classes (cat to eel), read as they are asked for)",
        ),
        (lambda: SMALL, "Model(MLP(widths=(8,), classes=3, dropout=0.0))"),
        (
            lambda: models.from_linen(nn.Sequential([nn.Dense(3), nn.relu])),
            "Model(Sequential(layers=[Dense, relu]))",
        ),
        (
            lambda: models.from_nnx(lambda rngs: nnx.Linear(4, 2, rngs=rngs)),
            "Model(Linear)",
        ),
        (
            lambda: models.lora(models.simulate_int8(SMALL), rank=2),
            "Model(adapters of rank 2 in MLP(widths=(8,), classes=3, dropout=0.0) "
            "in int8)",
        ),
        (lambda: Model(len, functools.partial(len)), "Model(partial)"),
        (lambda: SOFT, "Objective(kd + ce)"),
        (lambda: BOTH, "Compression(mask, quantize)"),
        (
            lambda: LEARNER,
            "Learner(Model(MLP(widths=(8,), classes=3, dropout=0.0)) on kd + ce, "
            "beside teacher, compressed: mask, quantize)",
        ),
        (state, "State(step 2, 67 numbers, 268 bytes)"),
        (
            lambda: Frozen({"w": np.ones((9, 9))}, {"mean": np.ones(9, np.float32)}),
            "Frozen(81 numbers, 648 bytes; state 9 numbers, 36 bytes)",
        ),
    ],
)
def test_a_noun_says_what_it_is(make, said):
    text = repr(make())
    assert text.startswith(said) and text.endswith(")")
    assert len(text) < 140 and "\n" not in text


def test_what_is_traced_has_a_text_too():
    seen = []

    @jax.jit
    def look(state):
        seen.append(repr(state))
        return state.step

    look(state())
    assert "67 numbers" in seen[0]


def test_nothing_odd_stops_a_text():
    assert repr(DataSet(None, None, None, len)) == "DataSet(; )"
    assert repr(Frozen({})) == "Frozen(0 numbers, 0 bytes)"
    assert repr(Frozen(3.0)) == "Frozen(1 number, 8 bytes)"
