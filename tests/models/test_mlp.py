"""The fully connected network against NumPy, and its sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import mlp

KEY = jax.random.key(0)


def sizes(model, shape):
    batch = {"inputs": jnp.zeros((1, *shape))}
    return tree.count(jax.eval_shape(model.init, KEY, batch)[0])


@pytest.mark.parametrize(
    ("kwargs", "count"),
    [
        ({}, 535_818),
        ({"widths": [128, 64]}, 109_386),
        ({"widths": ()}, 7_850),
    ],
)
def test_sizes_are_those_of_the_layers(kwargs, count):
    assert sizes(mlp(classes=10, **kwargs), (784,)) == count
    assert sizes(mlp(classes=10, **kwargs), (28, 28, 1)) == count


def test_the_forward_pass_is_the_equation_in_float64():
    model = mlp(classes=3, widths=(7, 5), taps=("Dense_0", "Dense_1"))
    x = jax.random.normal(KEY, (4, 2, 3))
    params, state = jax.jit(model.init)(jax.random.key(1), {"inputs": x})
    outputs, _ = jax.jit(model.apply)(params, state, {"inputs": x})
    h = np.asarray(x, np.float64).reshape(4, 6)
    for n in range(3):
        layer = {k: np.asarray(v, np.float64) for k, v in params[f"Dense_{n}"].items()}
        h = h @ layer["kernel"] + layer["bias"]
        if n < 2:
            np.testing.assert_allclose(outputs.features[f"Dense_{n}"], h, atol=1e-5)
            h = np.maximum(h, 0)
    np.testing.assert_allclose(outputs.logits, h, atol=1e-5)


def test_dropout_acts_in_training_only_and_keeps_the_mean():
    model = mlp(classes=2, widths=(2000,), dropout=0.5)
    batch = {"inputs": jnp.ones((1, 3))}
    params, state = jax.jit(model.init)(KEY, batch)
    params["Dense_0"] = {"kernel": jnp.zeros((3, 2000)), "bias": jnp.ones(2000)}
    params["Dense_1"]["kernel"] = jnp.full((2000, 2), 1 / 2000)
    rested, _ = model.apply(params, state, batch)
    trained, _ = model.apply(params, state, batch, train=True, key=KEY)
    np.testing.assert_allclose(rested.logits, 1.0, rtol=1e-4)
    np.testing.assert_allclose(trained.logits, 1.0, atol=0.1)
    assert not jnp.array_equal(trained.logits, rested.logits)


def test_half_precision_keeps_float32_parameters_and_logits():
    model = mlp(classes=2, widths=(4,), dtype="bfloat16", taps="Dense_0")
    batch = {"inputs": jnp.ones((1, 3))}
    params, state = jax.jit(model.init)(KEY, batch)
    outputs, _ = jax.jit(model.apply)(params, state, batch)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}
    assert outputs.logits.dtype == jnp.float32
    assert outputs.features["Dense_0"].dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"classes": 0}, "classes must be a whole number"),
        ({"classes": 2, "widths": [4, -1]}, "widths must be whole numbers"),
        ({"classes": 2, "dropout": 1.5}, "dropout must be from 0"),
        ({"classes": 2, "dtype": "int32"}, "dtype must be one of"),
    ],
)
def test_values_out_of_range_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mlp(**kwargs)
