import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.compress import Codebook, Dense, Factors, Quantized, Sparse, decode

MASK = jnp.array([[True, False], [False, True]])
CODES = Quantized(jnp.array([[1, 2], [-3, 4]], jnp.int8), jnp.array([[0.5, 2.0]]), 8)
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
    form = Quantized(CODES.codes, CODES.scale, 4, "bfloat16")
    form = jax.jit(lambda form: form)(form)
    assert (form.bits, decode(form).dtype) == (4, jnp.bfloat16)


def test_what_is_no_encoding_is_named():
    with pytest.raises(TypeError, match="got int"):
        decode.__wrapped__(3) if hasattr(decode, "__wrapped__") else decode(3)
