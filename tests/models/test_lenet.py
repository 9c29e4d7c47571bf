"""The two LeNets: sizes, and LeNet-5 against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import lenet5, lenet_300_100

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("model", "count"), [(lenet_300_100, 266_610), (lenet5, 431_080)]
)
def test_sizes_are_those_of_the_literature(model, count):
    batch = {"inputs": jnp.zeros((1, 28, 28, 1))}
    assert tree.count(jax.eval_shape(model(classes=10).init, KEY, batch)[0]) == count


def convolve(x, kernel, bias):
    views = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))
    return np.einsum("bhwcij,ijco->bhwo", views, kernel) + bias


def test_lenet5_is_convolve_pool_twice_and_two_layers():
    model = lenet5(classes=3, taps="Conv_1")
    x = jax.random.normal(KEY, (2, 16, 16))
    params, state = jax.jit(model.init)(jax.random.key(1), {"inputs": x})
    outputs, _ = jax.jit(model.apply)(params, state, {"inputs": x})
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    h = np.asarray(x, np.float64)[..., None]
    for name in ("Conv_0", "Conv_1"):
        h = convolve(h, **p[name])
        conv = h
        b, height, width, channels = h.shape
        h = h.reshape(b, height // 2, 2, width // 2, 2, channels).max((2, 4))
    h = h.reshape(2, -1) @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]
    h = np.maximum(h, 0) @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]
    np.testing.assert_allclose(outputs.features["Conv_1"], conv, atol=1e-5)
    np.testing.assert_allclose(outputs.logits, h, atol=1e-5)


def test_images_too_small_for_lenet5_are_refused():
    with pytest.raises(ValueError, match="lenet5 takes images of at least 16 x 16"):
        lenet5(classes=10).init(KEY, {"inputs": jnp.zeros((1, 8, 8))})


def test_classes_out_of_range_are_refused():
    for model in lenet5, lenet_300_100:
        with pytest.raises(ValueError, match="classes must be"):
            model(classes=-1)
