"""A compressed parameter as plain arrays with a short description.

The keys of a description: `k` kind, `s` shape, `t` type of the values where it is not
float32, `b` bits of a code, `u` where codes are unsigned, `e` type of the step sizes
or centroids where it is not float32, `o` how zero points are written, `z` how many
words are not left out, `p` how their places are written: absent where all are there,
`[]` a bitmap, `[bits, entries]` an index. `_lift` reads them.
"""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill.artifact._bits import cheapest, write_index
from jdistill.artifact._types import (
    SCALES,
    TYPES,
    as_array,
    is_float,
    stored,
    to_words,
    words_in,
)
from jdistill.bits import pack_bits
from jdistill.compress import (
    Codebook,
    Dense,
    Encoded,
    Factors,
    Quantized,
    Sparse,
    decode,
)

Head = dict[str, Any]
MAX_CENTROIDS = 1 << 16
CODE_BITS = range(1, 9)
AS_IT_IS = ("dense",)
SMALLEST = ("dense", "bitmap", "index")
"""How an array may be written: as it is, or by the entries that are not zero."""
NUMBERS = ("number", *SMALLEST)
"""The same, and what has no axis in the header alone."""
LINE = 80
"""About how many bytes a header needs for one more tensor."""


class _Words(NamedTuple):
    """Entries as integers in one row, and what must be said of them.

    `dtype` is that of values which are stored as they are, None for codes; `vanish`
    says whether a word of zeros is the value zero and need not be written.
    """

    words: np.ndarray
    bits: int
    shape: tuple[int, ...]
    dtype: np.dtype | None
    vanish: bool
    head: Head
    extra: list[np.ndarray]


def lower(
    encoded: Encoded, forms: tuple[str, ...] = SMALLEST
) -> tuple[Head, list[np.ndarray]]:
    """The description of an encoding and its arrays, the smallest that say it.

    Args:
        encoded: any form, nested.
        forms: how arrays may be written.

    Returns:
        The description, ready for JSON, and the arrays in the order of `lift`.

    Raises:
        ValueError: a type that no file can hold, or parts that do not fit each other.
        TypeError: no encoding.

    Example:
        >>> lower(Dense(np.eye(16, dtype=np.float32)))[0]
        {'k': 'd', 's': [16, 16], 'z': 16, 'p': [5, 16]}
    """
    mask, inner = _mask_of(encoded)
    if isinstance(inner, Factors):
        return _lower_factors(inner, mask)
    entry = _words(inner)
    if mask is not None and mask.shape != entry.shape:
        raise ValueError(f"a mask of shape {mask.shape} for values of {entry.shape}")
    number = isinstance(inner, Dense) and entry.shape == () and mask is None
    if number and "number" in forms:
        number = {key: x for key, x in entry.head.items() if key == "t"}
        return {"k": "n", **number, "v": entry.words.tobytes().hex()}, []
    keep, possible = _kept(entry, mask)
    possible = tuple(form for form in possible if form in forms)
    places = cheapest(keep, entry.bits, forms=possible, more=LINE)
    head = {**entry.head, "z": int(keep.sum())}
    if places.form == "dense":
        words = entry.words if mask is None else entry.words * keep
        return head, [_shaped(entry, _stored(entry, words)), *entry.extra]
    where, head["p"] = pack_bits(keep, 1), []
    if places.form == "index":
        where = pack_bits(write_index(keep, places.bits), places.bits)
        head["p"] = [places.bits, places.entries]
    return head, [where, _stored(entry, entry.words[keep]), *entry.extra]


def _mask_of(encoded: Any) -> tuple[np.ndarray | None, Any]:
    """All masks around an encoding as one."""
    mask = None
    while isinstance(encoded, Sparse):
        here, encoded = np.asarray(encoded.mask), encoded.values
        if here.dtype != np.bool_ or (mask is not None and here.shape != mask.shape):
            raise ValueError(f"a mask of type {here.dtype} and shape {here.shape}")
        mask = here if mask is None else mask & here
    return mask, encoded


def _kept(entry: _Words, mask: np.ndarray | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which words must be written, and the forms that can leave out the others."""
    if mask is not None:
        mask = np.repeat(mask.reshape(-1), entry.words.size // max(1, mask.size))
    if entry.vanish:
        keep = entry.words != 0 if mask is None else mask & (entry.words != 0)
        return keep, SMALLEST
    if mask is None or mask.all():
        return np.ones(entry.words.shape, bool), AS_IT_IS
    return mask, ("bitmap", "index")  # no other word means zero


def _lower_factors(
    factors: Factors, mask: np.ndarray | None
) -> tuple[Head, list[np.ndarray]]:
    product = _product(factors)
    if not is_float(product.dtype):
        raise ValueError(f"factors of type {product.dtype}, which must be floating")
    left, first = lower(factors.left)
    right, second = lower(factors.right)
    head = {"k": "f", "l": left, "r": right}
    if mask is None:
        return head, [*first, *second]
    if mask.shape != product.shape:
        raise ValueError(f"a mask of shape {mask.shape} for factors of {product.shape}")
    return {**head, "s": [*mask.shape]}, [*first, *second, pack_bits(mask, 1)]


def _product(factors: Factors) -> Any:
    try:
        return jax.eval_shape(decode, factors)
    except TypeError as error:
        raise ValueError(str(error).splitlines()[0]) from error


def _words(inner: Any) -> _Words:
    match inner:
        case Dense(array=array):
            return _dense(as_array(array))
        case Quantized():
            return _quantized(inner)
        case Codebook(indices=indices, centroids=centroids):
            return _codebook(_integers(indices, "indices"), as_array(centroids))
    raise TypeError(f"cannot pack a {type(inner).__name__}")


def _dense(array: np.ndarray) -> _Words:
    head = {"k": "d", "s": [*array.shape], **_unless("t", array.dtype, "float32")}
    _, bits = words_in(array.shape, array.dtype)
    return _Words(to_words(array), bits, array.shape, array.dtype, True, head, [])


def _quantized(form: Quantized) -> _Words:
    bits = form.bits
    if isinstance(bits, bool) or bits not in CODE_BITS:
        raise ValueError(f"bits must be whole numbers from 1 to 8, got {bits!r}")
    if form.dtype not in TYPES or not is_float(TYPES[form.dtype]):
        raise ValueError(f"values of type {form.dtype!r}, which must be floating")
    codes, scale = _integers(form.codes, "codes"), as_array(form.scale)
    zero = None if form.zero is None else _integers(form.zero, "zero points")
    Quantized(codes, scale, zero, bits=bits)  # refuses shapes that do not fit
    unsigned = codes.dtype.kind == "u"
    _check_codes(
        codes, *((0, 2**bits) if unsigned else (-(2**bits) // 2, 2**bits // 2))
    )
    if not is_float(scale.dtype):
        raise ValueError(f"step sizes of type {scale.dtype}, which must be floating")
    if scale.dtype.name not in SCALES:
        scale = scale.astype(np.float32)  # in which the values are computed
    head = {
        "k": "q",
        "s": [*codes.shape],
        "b": int(bits),
        **_unless("t", TYPES[form.dtype], "float32"),
        **_unless("e", scale.dtype, "float32"),
        **({"u": 1} if unsigned else {}),
    }
    extra = [_plain(scale)]
    if zero is not None:
        head["o"], points = _zeros(zero, int(bits))
        extra.append(points)
    steps = scale.astype(np.float32)
    vanish = zero is None and bool((np.isfinite(steps) & ~np.signbit(steps)).all())
    words = codes.reshape(-1).astype(np.uint8 if unsigned else np.int8)
    return _Words(words, int(bits), codes.shape, None, vanish, head, extra)


def _zeros(zero: np.ndarray, bits: int) -> tuple[Any, np.ndarray]:
    """Zero points in as many bits as a code where they are codes, or as they are."""
    if zero.size == 0 or (zero.min() >= 0 and zero.max() < 2**bits):
        return bits, pack_bits(zero, bits)
    return as_array(zero).dtype.name, _plain(as_array(zero))


def _codebook(indices: np.ndarray, centroids: np.ndarray) -> _Words:
    if not is_float(centroids.dtype):
        raise ValueError(f"centroids of type {centroids.dtype}, which must be floating")
    if centroids.ndim != 1 or centroids.size > MAX_CENTROIDS:
        raise ValueError(
            f"centroids of shape {centroids.shape}: one row of at most 2^16"
        )
    _check_codes(indices, 0, centroids.size)
    bits = max(1, int(centroids.size - 1).bit_length())
    head = {
        "k": "c",
        "s": [*indices.shape],
        "b": bits,
        **_unless("e", centroids.dtype, "float32"),
    }
    words = indices.reshape(-1).astype(np.uint16)
    return _Words(words, bits, indices.shape, None, False, head, [_plain(centroids)])


def _integers(value: Any, what: str) -> np.ndarray:
    array = as_array(value)
    if "int" not in array.dtype.name:
        raise ValueError(f"{what} of type {array.dtype}, which must be integers")
    if array.dtype.kind in "iu":
        return array
    return array.astype(np.uint8 if array.dtype.name[0] == "u" else np.int8)


def _check_codes(codes: np.ndarray, low: int, stop: int) -> None:
    if codes.size and not low <= codes.min() <= codes.max() < stop:
        raise ValueError(
            f"codes from {codes.min()} to {codes.max()}, which must be from {low} to "
            f"{stop - 1}"
        )


def _unless(key: str, dtype: np.dtype, usual: str) -> Head:
    return {} if dtype.name == usual else {key: dtype.name}


def _plain(array: np.ndarray) -> np.ndarray:
    return stored(to_words(array), array.dtype).reshape(array.shape)


def _stored(entry: _Words, words: np.ndarray) -> np.ndarray:
    """Words as they are stored: arrays in their own type, codes in their own bits."""
    if entry.dtype is not None:
        return stored(np.ascontiguousarray(words), entry.dtype)
    plain = entry.bits == 8 and words.dtype.itemsize == 1
    return words if plain else pack_bits(words, entry.bits)


def _shaped(entry: _Words, found: np.ndarray) -> np.ndarray:
    """What has an entry for each of the array's gets its shape, for other readers."""
    if entry.dtype is not None and entry.dtype.kind == "c":
        return found.reshape(*entry.shape, 2)
    return found.reshape(entry.shape) if found.size == math.prod(entry.shape) else found


def described(head: Head) -> tuple[str, tuple[int, ...], float, int]:
    """Form, shape, share of entries that are not left out, and bits, for a table.

    Args:
        head: a description that `lift` has read.
    """
    if head["k"] == "f":
        return "factors", tuple(head.get("s", ())), 1.0, 32
    dtype = TYPES[head.get("t", "float32")]
    size, bits = words_in(tuple(head.get("s", ())), dtype)
    if head["k"] == "n":
        return "number", (), 1.0, bits
    form = "dense" if "p" not in head else "index" if head["p"] else "bitmap"
    size = size if head["k"] == "d" else math.prod(head["s"])
    return form, tuple(head["s"]), head["z"] / max(1, size), head.get("b", bits)
