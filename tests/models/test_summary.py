"""A model's layers, shapes, parameters and multiply-adds, in any framework."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jdistill import models, ops, tree
from jdistill.models import summary
from jdistill.typing import Frozen

IMAGES = {"inputs": jax.ShapeDtypeStruct((5, 8, 8, 1), "float32")}
IDS = {"inputs": jax.ShapeDtypeStruct((2, 12), "int32")}
CONFIG = models.DecoderConfig(
    vocab=50, dim=16, depth=3, heads=2, kv_heads=1, head_dim=8, mlp_dim=32, max_steps=16
)


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), name="zuerst")(x))
        x = nn.LayerNorm(name="norm")(x)
        return nn.Dense(10, name="a_last")(x.reshape(len(x), -1))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.zuerst = nnx.Conv(1, 4, (3, 3), rngs=rngs)
        self.norm = nnx.LayerNorm(4, rngs=rngs)
        self.a_last = nnx.Linear(256, 10, rngs=rngs)

    def __call__(self, x):
        x = self.norm(nnx.relu(self.zuerst(x)))
        return self.a_last(x.reshape(len(x), -1))


@pytest.mark.parametrize("model", [models.from_linen(Linen()), models.from_nnx(Nnx)])
def test_layers_come_as_they_are_executed_with_their_figures_for_one_example(model):
    found = summary(model, IMAGES)
    assert [layer.path for layer in found.layers] == ["zuerst", "norm", "a_last"]
    conv, norm, last = found.layers
    assert conv.weights == {"bias": (4,), "kernel": (3, 3, 1, 4)}
    assert (conv.output, conv.multiply_adds) == ((1, 8, 8, 4), 8 * 8 * 4 * 9)
    assert (norm.output, norm.parameters, norm.multiply_adds) == (None, 8, 0)
    assert (last.parameters, last.multiply_adds) == (256 * 10 + 10, 2560)
    assert found.parameters == 40 + 8 + 2570 and found.bytes == 4 * found.parameters
    assert found.multiply_adds == 2304 + 2560


def test_the_layers_add_up_to_the_whole_inside_scans_and_with_a_tied_head():
    model = models.decoder(CONFIG)
    found = summary(model, IDS)
    params, _ = jax.eval_shape(model.init, jax.random.key(0), IDS)
    one = {"inputs": jnp.zeros((1, 12), jnp.int32)}
    whole = ops.count(lambda p: model.apply(p, {}, one)[0].logits, params).total
    assert sum(layer.multiply_adds for layer in found.layers) == whole.multiply_adds
    assert sum(layer.parameters for layer in found.layers) == tree.count(params)
    assert found.layers[0].path == "embed" and found.layers[-1].path == "norm"
    products = [layer.path for layer in found.layers if not layer.weights]
    assert len(products) == 2, "scores and what they weigh have no parameters"
    paths = [layer.path for layer in found.layers]
    assert paths.index("layers/attention/query") < paths.index(products[0])
    assert paths.index(products[1]) < paths.index("layers/attention/out")


def test_variables_stand_in_for_a_model_without_init():
    model = models.from_function(lambda w, x: jnp.tanh(x @ w["in"]) @ w["out"])
    params = {"in": np.ones((3, 4), np.float32), "out": np.ones((4, 2), np.float16)}
    batch = {"inputs": jax.ShapeDtypeStruct((7, 3), "float32")}
    with pytest.raises(ValueError, match="made without init"):
        summary(model, batch)
    found = summary(model, batch, frozen=Frozen({**params, "unread": np.ones(5)}))
    assert [(one.path, one.multiply_adds) for one in found.layers] == [
        ("in", 12), ("out", 8), ("unread", 0),
    ]  # fmt: skip
    assert found.bytes == 48 + 16 + 40


def test_its_text_is_a_table():
    lines = repr(summary(models.from_linen(Linen()), IMAGES)).splitlines()
    assert len({len(line) for line in lines}) == 1 and len(lines) == 5
    assert lines[0].split() == [
        "layer",
        "weights",
        "output",
        "parameters",
        "multiply-adds",
    ]
    assert lines[-1].split() == ["total", "10,472", "bytes", "2,618", "4,864"]
    assert "kernel [3, 3, 1, 4]" in lines[1] and "[1, 8, 8, 4]" in lines[1]


def test_a_loop_of_unknown_length_runs_as_often_as_is_said():
    def apply(w, x):
        return jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: x @ w["w"], x)

    ready = Frozen({"w": np.ones((3, 3), np.float32)})
    batch = {"inputs": jax.ShapeDtypeStruct((1, 3), "float32")}
    model = models.from_function(apply)
    assert summary(model, batch, frozen=ready).multiply_adds == 9
    assert summary(model, batch, frozen=ready, trips=4).multiply_adds == 36
