"""Step sizes and zero points of ranges."""

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops
from jdistill.ops import _scale

BITS = (2, 3, 4, 5, 6, 7, 8)
WEIGHT = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)


@pytest.mark.parametrize("bits", [2.5, 8.0, "8", None])
def test_bits_that_are_no_integer_are_named(bits):
    with pytest.raises(ValueError, match="bits must be 2 to 8, an integer, got"):
        _scale.qmax(bits)


def test_a_range_that_is_not_finite_or_too_small_has_no_step_size():
    x = jnp.array([[1.0, jnp.nan, jnp.inf, 1e-37, 0.0, 1.5e-36]])
    scale = ops.absmax_scale(x, axes=(0,))
    assert np.array_equal(np.isnan(scale[0]), [0, 1, 1, 1, 0, 0])
    scale, zero = ops.minmax_scale(-x, axes=(0,))
    assert np.array_equal(np.isnan(scale[0]), [0, 1, 1, 1, 0, 1])
    assert zero[0, 0] == 255
    assert np.all(np.isnan(ops.fake_quantize(x, jnp.full((1, 6), jnp.nan))))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_a_range_of_no_values_has_the_step_size_of_zeros(shape):
    x = jnp.zeros(shape)
    for axes in (None, (-1,)):
        scale, zero = ops.minmax_scale(x, axes=axes)
        for one in (scale, ops.absmax_scale(x, axes=axes)):
            assert one.shape == zero.shape == jnp.sum(x, axes, keepdims=True).shape
            assert np.all(one == 1) and not zero.any()


@pytest.mark.parametrize("bits", BITS)
def test_ranges_with_a_zero_point_equal_the_float64_equation(bits):
    x = np.float64(WEIGHT) + np.linspace(-3, 3, 32)
    scale, zero = ops.minmax_scale(jnp.asarray(x, jnp.float32), axes=(0,), bits=bits)
    low, high = np.minimum(x.min(0), 0), np.maximum(x.max(0), 0)
    wanted = (high - low) / (2**bits - 1)
    np.testing.assert_allclose(scale[0], wanted, rtol=1e-6)
    assert np.abs(zero[0] + low / wanted).max() <= 0.5 + 1e-5
    values = ops.fake_quantize(jnp.asarray(x, jnp.float32), scale, zero=zero, bits=bits)
    error = np.abs(values - x)
    assert np.all(error <= wanted * (1 + 1e-4))
