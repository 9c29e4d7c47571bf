import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.compress import (
    Codebook,
    Dense,
    Factors,
    Quantized,
    Sparse,
    decode,
    step_sizes,
)

MASK = jnp.array([[True, False], [False, True]])
CODES = Quantized(
    jnp.array([[1, 2], [-3, 4]], jnp.int8), jnp.array([[0.5, 2.0]]), bits=8
)
FORMS = {
    "dense": (Dense(jnp.ones((2, 2))), np.ones((2, 2))),
    "quantized": (CODES, [[0.5, 4], [-1.5, 8]]),
    "sparse": (Sparse(MASK, CODES), [[0.5, 0], [0, 8]]),
    "codebook": (Codebook(jnp.array([1, 0]), jnp.array([3.0, -1.0])), [-1, 3]),
    "factors": (
        Factors(CODES, Sparse(MASK, Dense(jnp.ones((2, 2))))),
        [[0.5, 4], [-1.5, 8]],
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_decoding_follows_the_equation(name):
    form, wanted = FORMS[name]
    assert np.array_equal(decode(form), wanted)
    assert np.array_equal(jax.jit(decode)(form), wanted)


def test_codes_keep_their_bits_and_type_through_a_compilation():
    form = Quantized(CODES.codes, CODES.scale, bits=4, dtype="bfloat16")
    form = jax.jit(lambda form: form)(form)
    assert (form.bits, decode(form).dtype) == (4, jnp.bfloat16)


def test_what_is_no_encoding_is_named():
    with pytest.raises(TypeError, match="got int"):
        decode.__wrapped__(3) if hasattr(decode, "__wrapped__") else decode(3)


def test_groups_and_zero_points_decode_by_the_equation():
    codes = np.random.default_rng(0).integers(0, 16, (4, 6)).astype(np.uint8)
    scale = jnp.array([[0.5, 2.0, 0.25]], jnp.float16)
    zero = jnp.array([[3, 0, 9]], jnp.uint8)
    form = Quantized(jnp.asarray(codes), scale, zero, bits=4)
    wanted = np.repeat(np.float32(scale), 2, 1) * (codes - np.repeat(zero, 2, 1) * 1.0)
    assert np.array_equal(decode(form), wanted)
    assert np.array_equal(jax.jit(decode)(form), wanted)


def test_a_scale_of_lower_rank_gets_axes_at_its_front():
    codes = jnp.ones((3, 2, 4), jnp.int8)
    form = Quantized(codes, jnp.arange(4.0), bits=8)
    assert form.scale.shape == (1, 1, 4)
    assert np.array_equal(decode(form), np.broadcast_to(np.arange(4.0), (3, 2, 4)))
    stacked = jax.tree.map(lambda *x: jnp.stack(x), form, form)
    assert np.array_equal(jax.vmap(decode)(stacked)[1], decode(form))


def test_a_scale_that_does_not_fit_its_codes_is_refused():
    codes = jnp.ones((4, 6), jnp.int8)
    with pytest.raises(ValueError, match=r"scale of shape \(1, 4\) does not divide"):
        Quantized(codes, jnp.ones((1, 4)), bits=8)
    with pytest.raises(ValueError, match=r"zero has shape \(4, 1\) and its scale"):
        Quantized(codes, jnp.ones((1, 3)), jnp.ones((4, 1), jnp.uint8), bits=8)


def test_integer_products_refuse_zero_points():
    zero = jnp.zeros((1, 1), jnp.uint8)
    form = Quantized(jnp.ones((2, 2), jnp.uint8), jnp.ones((1, 1)), zero, bits=8)
    with pytest.raises(ValueError, match="codes of 'a/w' have a zero point"):
        step_sizes({"a/w": Sparse(MASK, form)})
