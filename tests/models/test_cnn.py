"""The convolutional network against NumPy, its sizes and its dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import cnn

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((28, 28, 1), 115_114), ((28, 28), 115_114), ((5, 8, 3), 23_242)],
)
def test_sizes_are_those_of_the_layers(shape, count):
    batch = {"inputs": jnp.zeros((1, *shape))}
    assert tree.count(jax.eval_shape(cnn(classes=10).init, KEY, batch)[0]) == count


def convolve(x, kernel, bias):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("bhwcij,ijco->bhwo", views, kernel) + bias


def halved(x):
    """The maximum over 2 x 2; a last row or column stands alone."""
    b, h, w, c = x.shape
    full = np.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), constant_values=-np.inf)
    return full.reshape(b, (h + 1) // 2, 2, (w + 1) // 2, 2, c).max((2, 4))


def test_the_forward_pass_is_convolve_twice_pool_and_two_layers():
    model = cnn(classes=3, widths=(2, 4), hidden=5, taps=("Conv_1", "Dense_0"))
    x = jax.random.normal(KEY, (2, 5, 6))
    params, state = jax.jit(model.init)(jax.random.key(1), {"inputs": x})
    outputs, _ = jax.jit(model.apply)(params, state, {"inputs": x})
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    first = convolve(np.asarray(x, np.float64)[..., None], **p["Conv_0"])
    second = convolve(np.maximum(first, 0), **p["Conv_1"])
    h = halved(np.maximum(second, 0)).reshape(2, -1)
    h = h @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]
    np.testing.assert_allclose(outputs.features["Conv_1"], second, atol=1e-5)
    np.testing.assert_allclose(outputs.features["Dense_0"], h, atol=1e-5)
    h = np.maximum(h, 0) @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]
    np.testing.assert_allclose(outputs.logits, h, atol=1e-5)


def test_dropout_acts_in_training_only():
    model = cnn(classes=2, widths=(4,), dropout=0.5)
    batch = {"inputs": jax.random.normal(KEY, (3, 8, 8))}
    params, state = jax.jit(model.init)(KEY, batch)
    rested = [model.apply(params, state, batch, key=KEY)[0].logits for _ in range(2)]
    trained, _ = model.apply(params, state, batch, train=True, key=KEY)
    np.testing.assert_array_equal(*rested)
    assert not jnp.allclose(trained.logits, rested[0])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"classes": 0}, "classes must be a whole number"),
        ({"classes": 2, "widths": [0]}, "widths must be whole numbers"),
        ({"classes": 2, "hidden": 0}, "hidden must be a whole number"),
        ({"classes": 2, "dropout": 1.5}, "dropout must be from 0"),
        ({"classes": 2, "dtype": "int32"}, "dtype must be one of"),
    ],
)
def test_values_out_of_range_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        cnn(**kwargs)


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match="cnn takes images"):
        cnn(classes=2).init(KEY, {"inputs": jnp.zeros((1, 8))})
