"""Every form and type comes back bit for bit, or is refused with its path."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jdistill import artifact, compress
from jdistill.compress import Codebook, Dense, Factors, Quantized, Sparse

DRAW = np.random.default_rng(0)
ROUND_TRIP = (
    "bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "int4", "uint4",
    "int2", "uint2", "float16", "float32", "bfloat16", "complex64", "float4_e2m1fn",
    "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn",
    "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "student.safetensors"


def returned(path, form):
    """What comes back, held against what went in."""
    artifact.pack(path, {"a/w": form})
    packed = artifact.unpack(path)
    found, wanted = packed.params["a"]["w"], compress.decode(form)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert np.asarray(found).tobytes() == np.asarray(wanted).tobytes()
    again = compress.decode(packed.encoded["a/w"])
    assert np.asarray(again).tobytes() == np.asarray(wanted).tobytes()
    assert sum(row.bytes for row in artifact.table(path)) == path.stat().st_size
    return packed.encoded["a/w"]


@pytest.mark.parametrize("shape", [(), (3, 5), (0, 4)])
@pytest.mark.parametrize("name", ROUND_TRIP)
def test_every_type_and_rank_comes_back(path, name, shape):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    values = DRAW.integers(0, 2, shape) if name == "bool" else DRAW.normal(size=shape)
    values = values * 3 + (1j if name.startswith("c") else 0)
    array = jnp.asarray(values.astype(dtype))
    returned(path, Dense(array))
    if shape and name not in ("float8_e8m0fnu",):  # has no zero for what is masked
        returned(path, Sparse(jnp.asarray(DRAW.random(shape) < 0.2), Dense(array)))


@pytest.mark.parametrize("name", ["float64", "int64", "uint64", "complex128", ">f4"])
def test_wide_and_foreign_arrays_of_numpy_come_back(path, name):
    array = np.arange(1, 7).astype(name).reshape(2, 3) * 3
    artifact.pack(path, {"w": Dense(array)}, state={"n": array[0, 0]})
    packed = artifact.unpack(path)
    assert np.array_equal(packed.params["w"], array)
    assert packed.params["w"].dtype == array.dtype.newbyteorder("=")
    assert packed.state["n"] == array[0, 0]


CODES = DRAW.integers(0, 16, (4, 6)).astype(np.uint8)
SCALES = [(1, 1), (1, 6), (4, 1), (2, 3), (4, 6), (1, 2), (), (6,)]


@pytest.mark.parametrize("shape", SCALES)
@pytest.mark.parametrize(
    ("dtype", "zeros"), [("float32", None), ("float16", "uint8"), ("bfloat16", "int32")]
)
@pytest.mark.parametrize("masked", [False, True])
def test_quantised_blocks_come_back(path, shape, dtype, zeros, masked):
    scale = jnp.asarray(DRAW.uniform(0.01, 1, shape), dtype)
    zero = None
    if zeros is not None:
        low, high = (0, 16) if zeros == "uint8" else (-40, 40)
        zero = jnp.asarray(DRAW.integers(low, high, shape), zeros)
    form = Quantized(CODES, scale, zero, bits=4, dtype="bfloat16")
    if masked:
        form = Sparse(DRAW.random(CODES.shape) < 0.3, form)
    found = returned(path, form)
    found = found.values if isinstance(found, Sparse) else found
    assert (found.scale.dtype, found.bits) == (scale.dtype, 4)
    assert found.codes.dtype == np.uint8


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_codes_take_their_own_bits(path, bits, kind):
    low, stop = (0, 2**bits) if kind == np.uint8 else (-(2**bits) // 2, 2**bits // 2)
    codes = DRAW.integers(low, stop, (40, 16)).astype(kind)
    codes[codes == 0] = low or stop - 1
    returned(path, Quantized(codes, jnp.ones((1, 16)), bits=bits))
    assert artifact.table(path)[0].bytes == 40 * 16 * bits // 8 + 64


def test_zero_points_take_as_many_bits_as_codes(path):
    zero = np.ones((4, 6), np.uint8)
    returned(path, Quantized(CODES, jnp.ones((4, 6)), zero, bits=4))
    assert artifact.table(path)[0].bytes == 12 + 4 * 24 + 12


@pytest.mark.parametrize(
    "form",
    [
        Quantized(jnp.int8(-3), jnp.float32(0.5), bits=4),
        Quantized(jnp.uint8(3), jnp.float16(0.5), jnp.uint8(1), bits=4),
        Codebook(jnp.int32(1), jnp.array([1.0, 2.0])),
        Sparse(jnp.array(False), Dense(jnp.float32(3.0))),
        Sparse(jnp.array(True), Dense(jnp.float32(3.0))),
        Sparse(jnp.array(False), Quantized(jnp.int8(-3), jnp.float32(0.5), bits=4)),
    ],
)
def test_numbers_come_back_in_every_form(path, form):
    returned(path, form)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -0.5, 0.0])
def test_a_zero_code_is_written_where_it_does_not_stand_for_zero(path, odd):
    codes = np.zeros((8, 2), np.int8)
    form = Quantized(codes, jnp.array([[0.5, odd]]), bits=4)
    returned(path, form)
    returned(path, Sparse(DRAW.random((8, 2)) < 0.5, form))


def test_codes_of_four_bits_and_long_codebooks_come_back(path):
    returned(path, Quantized(jnp.array([-7, 7], jnp.int4), jnp.ones(1), bits=4))
    many = DRAW.integers(0, 3000, 5000)
    returned(path, Codebook(many, jnp.arange(3000.0)))
    returned(path, Codebook(many[:200] % 200, jnp.arange(200, dtype=jnp.bfloat16)))


BAD = {
    "a scale that does not divide": (
        lambda: Quantized([[1, 2, 3]], [[0.5, 1.0]], bits=4), "does not divide",
    ),
    "codes beyond their bits": (
        lambda: Quantized(np.int8([8]), np.ones(1), bits=4), "from -8 to 7",
    ),
    "unsigned codes beyond their bits": (
        lambda: Quantized(np.uint8([16]), np.ones(1), bits=4), "from 0 to 15",
    ),
    "too many bits": (lambda: Quantized(np.int8([8]), np.ones(1), bits=9), "1 to 8"),
    "codes with fractions": (
        lambda: Quantized(np.ones(2), np.ones(1), bits=4), "must be integers",
    ),
    "whole step sizes": (
        lambda: Quantized(np.int8([1]), np.ones(1, int), bits=4), "must be floating",
    ),
    "values that are integers": (
        lambda: Quantized(np.int8([1]), np.ones(1), bits=4, dtype="int8"), "floating",
    ),
    "a mask of another shape": (
        lambda: Sparse(np.ones((2, 1), bool), Dense(np.ones((2, 3)))), "a mask of",
    ),
    "a mask of numbers": (
        lambda: Sparse(np.ones(2), Dense(np.ones(2))), "a mask of type float64",
    ),
    "indices beyond the codebook": (
        lambda: Codebook(np.array([0, 2]), np.ones(2)), "from 0 to 1",
    ),
    "factors that do not fit": (
        lambda: Factors(Dense(jnp.ones((2, 3))), Dense(jnp.ones((2, 3)))), "dot_gen",
    ),
    "factors of integers": (
        lambda: Factors(Dense(jnp.ones((2, 1), int)), Dense(jnp.ones((1, 2), int))),
        "must be floating",
    ),
    "a text": (lambda: Dense(np.array("x")), "has the type <U1, which no file"),
    "an object": (lambda: Dense(np.array([None])), "has the type object"),
    "a key": (lambda: Dense(jax.random.key(0)), "cannot be stored|has the type"),
    "one bit": (lambda: Dense(np.zeros(2, ml_dtypes.int1)), "has the type int1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_back_is_refused_with_its_path(path, name):
    make, said = BAD[name]
    with pytest.raises(ValueError, match=f"^parameter 'a/w': .*({said})"):
        artifact.pack(path, {"a/w": make()})
    assert not path.exists()


def test_what_is_no_form_is_refused_with_its_path(path):
    with pytest.raises(TypeError, match="parameter 'a/w': cannot pack a Array"):
        artifact.pack(path, {"a/w": Sparse(jnp.ones(2, bool), jnp.ones(2))})
    with pytest.raises(ValueError, match=r"state 'rng': (cannot be stored|has the)"):
        artifact.pack(path, {}, {"rng": jax.random.key(0)})


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ({"a": "\ud800"}, "half a character"),
        ({"a": {1: 0, "1": 0}}, "the key '1' is there twice"),
        (None, "a path may join 64 names"),
    ],
)
def test_a_header_that_cannot_be_read_back_is_refused(path, description, said):
    name = "/".join("a" * 65) if description is None else "w"
    with pytest.raises(ValueError, match=said):
        artifact.pack(path, {name: Dense(jnp.ones(1))}, description=description)
    assert not path.exists()
