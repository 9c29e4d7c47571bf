import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops

BITS = (2, 3, 4, 5, 6, 7, 8)
WEIGHT = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)


def reference(x, scale, bits):
    limit = 2 ** (bits - 1) - 1
    x, scale = np.float64(x), np.float64(scale)
    return np.clip(np.round(x / scale), -limit, limit) * scale


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("axes", [None, (0,), (1,)])
def test_values_equal_the_float64_equation(bits, axes):
    scale = ops.absmax_scale(jnp.asarray(WEIGHT), axes=axes, bits=bits)
    limit = 2 ** (bits - 1) - 1
    wanted = np.abs(np.float64(WEIGHT)).max(axis=axes, keepdims=True) / limit
    np.testing.assert_allclose(scale, wanted, rtol=1e-6)
    found = ops.fake_quantize(jnp.asarray(WEIGHT), scale, bits=bits)
    np.testing.assert_allclose(found, reference(WEIGHT, scale, bits), rtol=1e-6)


@pytest.mark.parametrize("bits", BITS)
def test_the_error_is_at_most_half_a_step(bits):
    scale = ops.absmax_scale(jnp.asarray(WEIGHT), axes=(0,), bits=bits)
    error = np.abs(ops.fake_quantize(jnp.asarray(WEIGHT), scale, bits=bits) - WEIGHT)
    assert np.all(error <= np.asarray(scale) * 0.5 * (1 + 1e-5))


def test_simulation_is_the_codes_times_the_scale_bit_for_bit_eager_and_compiled():
    scale = ops.absmax_scale(jnp.asarray(WEIGHT), axes=(0,))
    values = ops.dequantize(ops.quantize(jnp.asarray(WEIGHT), scale), scale)
    for function in (ops.fake_quantize, jax.jit(ops.fake_quantize)):
        assert np.array_equal(function(jnp.asarray(WEIGHT), scale), values)


def test_quantising_twice_changes_nothing_more():
    scale = ops.absmax_scale(jnp.asarray(WEIGHT), axes=(0,))
    once = ops.fake_quantize(jnp.asarray(WEIGHT), scale)
    assert np.array_equal(ops.fake_quantize(once, scale), once)
    np.testing.assert_allclose(ops.absmax_scale(once, axes=(0,)), scale, rtol=2e-7)


def test_zero_stays_zero_and_an_all_zero_channel_has_a_scale():
    x = jnp.zeros((4, 2)).at[0, 0].set(3.0)
    scale = ops.absmax_scale(x, axes=(0,))
    assert scale[0, 1] == 1
    assert np.array_equal(ops.fake_quantize(x, scale) == 0, x == 0)


def test_the_gradient_is_one_inside_the_clip_range_and_zero_outside():
    x = jnp.array([-200.0, -127.5, 0.3, 127.4, 128.0])
    for mode in (jax.grad, jax.jacfwd):
        slope = mode(lambda x: ops.fake_quantize(x, jnp.ones(1)).sum())(x)
        assert np.array_equal(slope, [0, 1, 1, 1, 0])


def test_no_gradient_reaches_the_scale():
    slope = jax.grad(lambda s: ops.fake_quantize(jnp.ones(3), s).sum())(jnp.ones(1))
    assert np.array_equal(slope, [0.0])


def test_low_precision_keeps_its_type():
    x = jnp.asarray(WEIGHT, jnp.bfloat16)
    assert ops.fake_quantize(x, ops.absmax_scale(x)).dtype == jnp.bfloat16


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_out_of_range_are_named(bits):
    with pytest.raises(
        ValueError, match=f"bits must be 2 to 8, an integer, got {bits}"
    ):
        ops.fake_quantize(jnp.ones(3), jnp.ones(1), bits=bits)


GROUPS = {
    "tensor": (1, 1), "columns": (1, 32), "rows": (64, 1), "one each": (64, 32),
    "groups of rows": (4, 32), "groups of both": (8, 2),
}  # fmt: skip


def blocks_of(x, scale):
    """Each entry's block by index arithmetic."""
    places = np.indices(x.shape)
    lengths = zip(places, scale.shape, x.shape, strict=True)
    return scale[tuple(place * m // n for place, m, n in lengths)]


@pytest.mark.parametrize("shape", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("offset", [False, True])
def test_blocks_have_their_own_scale_and_zero_point(shape, dtype, offset):
    rng = np.random.default_rng(1)
    scale = jnp.asarray(rng.uniform(0.01, 0.1, shape), dtype)
    zero = jnp.asarray(rng.integers(0, 16, shape), jnp.uint8) if offset else None
    low, high = (0, 15) if offset else (-7, 7)
    point = blocks_of(WEIGHT, np.float64(zero)) if offset else 0
    steps = blocks_of(WEIGHT, np.float64(scale))
    assert np.array_equal(ops.spread(scale, WEIGHT.shape), np.float32(steps))
    codes = ops.quantize(jnp.asarray(WEIGHT), scale, zero=zero, bits=4)
    wanted = np.clip(np.round(WEIGHT / steps) + point, low, high)
    assert codes.dtype == (jnp.uint8 if offset else jnp.int8)
    assert np.mean(codes != wanted) < 1e-3  # float32 may round a tie another way
    values = ops.dequantize(codes, scale, zero)
    exact = np.float32(steps * (np.float64(codes) - point))
    np.testing.assert_array_equal(values, exact)
    for compiled in (lambda f: f, jax.jit):
        found = compiled(lambda x: ops.fake_quantize(x, scale, zero=zero, bits=4))
        np.testing.assert_array_equal(found(jnp.asarray(WEIGHT)), values)
        decoded = compiled(ops.dequantize)(codes, scale, zero)
        np.testing.assert_array_equal(decoded, values)


def test_the_gradient_with_a_zero_point_is_one_where_there_are_codes():
    x = jnp.array([-2.6, -2.4, 0.0, 5.4, 5.6])
    zero = jnp.array([2], jnp.uint8)
    slope = jax.grad(
        lambda x: ops.fake_quantize(x, jnp.ones(1), zero=zero, bits=3).sum()
    )(x)
    assert np.array_equal(slope, [0, 1, 1, 1, 0])


@pytest.mark.parametrize("shape", [(3, 32), (64, 32, 1), (0, 1), (64, 64)])
def test_a_scale_that_does_not_divide_is_refused(shape):
    with pytest.raises(ValueError, match=r"does not divide the shape \(64, 32\)"):
        ops.quantize(jnp.asarray(WEIGHT), jnp.ones(shape))


def test_nan_stays_nan_and_its_neighbours_what_they_were():
    x = jnp.array([0.6, jnp.nan, -jnp.inf, 200.0])
    found = ops.fake_quantize(x, jnp.ones(1))
    np.testing.assert_array_equal(found, [1.0, np.nan, -127.0, 127.0])
    zero = ops.fake_quantize(x, jnp.ones(1), zero=jnp.array([3]), bits=4)
    np.testing.assert_array_equal(zero, [1.0, np.nan, -3.0, 12.0])
