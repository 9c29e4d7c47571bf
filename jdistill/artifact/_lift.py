"""The encoding that a description and its arrays stand for.

Nothing that a description says is believed: its numbers must fit the arrays that are
there, and what they make must fit what may be made.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill.artifact._bits import INDEX_BITS, read_index, signed
from jdistill.artifact._forms import CODE_BITS, Head
from jdistill.artifact._header import shape_of
from jdistill.artifact._names import MAX_NESTED
from jdistill.artifact._types import SCALES, is_float, type_of, words_in
from jdistill.bits import unpack_bits
from jdistill.compress import (
    Codebook,
    Dense,
    Encoded,
    Factors,
    Quantized,
    Sparse,
    decode,
)

Allow = Callable[[int], None]
_KEYS = {
    "n": {"k", "t", "v"},
    "d": {"k", "s", "t", "z", "p"},
    "q": {"k", "s", "t", "z", "p", "b", "u", "e", "o"},
    "c": {"k", "s", "z", "p", "b", "e"},
    "f": {"k", "s", "l", "r"},
}


class _Places(NamedTuple):
    """Of how many words which are there: `keep` is None for all."""

    size: int
    kept: int
    keep: np.ndarray | None


def lift(head: Head, arrays: Iterator[np.ndarray], allow: Allow) -> Encoded:
    """The encoding that `lower` described.

    Args:
        head: the description.
        arrays: the arrays, all of which it takes.
        allow: is told how many bytes are about to be made, with those of the decoded
            values; raises where they are too many.

    Returns:
        An encoding that decodes to the same values, bit for bit.

    Raises:
        ValueError: the description does not fit the arrays.

    Example:
        >>> from jdistill.artifact._forms import lower
        >>> head, arrays = lower(Dense(np.array([0.0, 1.5], np.float32)))
        >>> lift(head, iter(arrays), lambda num_bytes: None).array
        array([0. , 1.5], dtype=float32)
    """
    found = _lift(head, arrays, allow, 0)
    if next(arrays, None) is not None:
        raise ValueError("it has more arrays than its description says")
    return found


def _lift(head: Any, arrays: Iterator[np.ndarray], allow: Allow, depth: int) -> Encoded:
    kind = head.get("k") if isinstance(head, dict) else None
    if not isinstance(kind, str) or kind not in _KEYS or not set(head) <= _KEYS[kind]:
        raise ValueError("its description is none")
    if kind == "n":
        return _number(head, allow)
    if kind == "f":
        return _factors(head, arrays, allow, depth)
    shape = shape_of(head.get("s"))
    allow(_lengths(shape))
    make = {"d": _dense, "q": _quantized, "c": _codebook}[kind]
    return make(head, shape, arrays, allow)


def _number(head: Head, allow: Allow) -> Dense:
    dtype, text = type_of(head.get("t", "float32")), head.get("v")
    allow(dtype.itemsize)
    if not isinstance(text, str):
        raise ValueError("its number is none")
    data = bytes.fromhex(text)
    if len(data) != dtype.itemsize or (dtype == np.bool_ and data[0] > 1):
        raise ValueError("its number is of another type")
    return Dense(np.frombuffer(data, dtype).reshape(()).copy())


def _dense(head: Head, shape: Any, arrays: Iterator[np.ndarray], allow: Allow) -> Dense:
    dtype = type_of(head.get("t", "float32"))
    size, bits = words_in(shape, dtype)
    allow(size * bits // 8 + ("p" in head) * size)
    places = _places(head, size, arrays)
    found = _next(arrays)
    parts = (2,) if dtype.kind == "c" else ()
    _check_shape(found, places, (*shape, *parts))
    words = found.reshape(-1)
    if words.dtype.itemsize * 8 != bits or words.size != places.kept:
        raise ValueError("its values do not fit its shape")
    words = _spread(words.view(f"u{bits // 8}"), places)
    if dtype == np.bool_ and (words > 1).any():
        raise ValueError("its truth values are none")
    return Dense(words.view(dtype).reshape(shape))


def _quantized(
    head: Head, shape: Any, arrays: Iterator[np.ndarray], allow: Allow
) -> Encoded:
    size, bits = math.prod(shape), _whole(head.get("b"), CODE_BITS, "bits")
    dtype, steps = type_of(head.get("t", "float32")), type_of(head.get("e", "float32"))
    if not is_float(dtype) or steps.name not in SCALES:
        raise ValueError("its values or step sizes are of no such type")
    # codes and mask, values in float32 and in their own type
    allow(size * (2 + 4 + dtype.itemsize))
    places = _places(head, size, arrays)
    found = _next(arrays)
    if bits == 8:
        _check_shape(found, places, shape)
    words = _unpacked(found, bits, places.kept)
    if "u" not in head:
        words = signed(words, bits)
    codes = _spread(words, places).reshape(shape)
    scale = _plain(_next(arrays), steps)
    zero = None
    if "o" in head:
        zero = _zeros(head["o"], _next(arrays), scale)
        allow(8 * zero.size)
    form = Quantized(codes, scale, zero, bits=bits, dtype=dtype.name)
    return _masked(form, places, shape)


def _zeros(how: Any, found: np.ndarray, scale: np.ndarray) -> np.ndarray:
    if type(how) is int:
        points = unpack_bits(_bytes(found), _whole(how, CODE_BITS, "bits"), scale.size)
    else:
        points = _plain(found, type_of(how))
        if points.dtype.kind not in "iu":
            raise ValueError("its zero points are no integers")
    return points.reshape(scale.shape)


def _codebook(
    head: Head, shape: Any, arrays: Iterator[np.ndarray], allow: Allow
) -> Encoded:
    size, bits = math.prod(shape), _whole(head.get("b"), INDEX_BITS, "bits")
    dtype = type_of(head.get("e", "float32"))
    allow(size * (3 + 4 + dtype.itemsize))
    places = _places(head, size, arrays)
    words = _unpacked(_next(arrays), bits, places.kept)
    centroids = _plain(_next(arrays), dtype)
    if not is_float(dtype) or centroids.ndim != 1:
        raise ValueError("its centroids are none")
    if words.size and words.max() >= centroids.size:
        raise ValueError("its indices name no centroid")
    form = Codebook(_spread(words, places).reshape(shape), centroids)
    return _masked(form, places, shape)


def _factors(
    head: Head, arrays: Iterator[np.ndarray], allow: Allow, depth: int
) -> Encoded:
    if depth == MAX_NESTED:
        raise ValueError("its factors are nested too deep")
    parts = [_lift(head.get(side), arrays, allow, depth + 1) for side in "lr"]
    factors = Factors(*parts)
    try:
        product = jax.eval_shape(decode, factors)
    except TypeError:
        raise ValueError("its factors do not fit each other") from None
    size = math.prod(product.shape)
    if not is_float(product.dtype):
        raise ValueError("its factors are no real numbers")
    allow(size * product.dtype.itemsize * (depth + 1) + _lengths(product.shape))
    if "s" not in head:
        return factors
    allow(size)
    if shape_of(head["s"]) != product.shape:
        raise ValueError("its mask does not fit its factors")
    keep = unpack_bits(_bytes(_next(arrays)), 1, size).astype(bool)
    return Sparse(keep.reshape(product.shape), factors)


def _lengths(shape: tuple[int, ...]) -> int:
    """What an empty array takes: its other axes are not free where it is computed."""
    return 8 * math.prod(max(n, 1) for n in shape) if 0 in shape else 0


def _places(head: Head, size: int, arrays: Iterator[np.ndarray]) -> _Places:
    kept = _whole(head.get("z"), range(size + 1), "z")
    if "p" not in head:
        return _Places(size, size, None)
    match head["p"]:
        case []:
            keep = unpack_bits(_bytes(_next(arrays)), 1, size).astype(bool)
        case [bits, entries]:
            bits = _whole(bits, INDEX_BITS, "bits of an index")
            found = _bytes(_next(arrays))
            entries = _whole(entries, range(8 * found.size + 1), "entries")
            keep = read_index(unpack_bits(found, bits, entries), bits, size)
        case _:
            raise ValueError("its places are none")
    if int(keep.sum()) != kept:
        raise ValueError("it has another number of places")
    return _Places(size, kept, keep)


def _spread(words: np.ndarray, places: _Places) -> np.ndarray:
    if places.keep is None:
        return words
    full = np.zeros(places.size, words.dtype)
    full[places.keep] = words
    return full


def _check_shape(found: np.ndarray, places: _Places, shape: Any) -> None:
    """What stands in the file as it is has its own shape there, for other readers."""
    if places.keep is None and found.shape != shape:
        raise ValueError(f"it has the shape {list(found.shape)} in the file")


def _masked(form: Encoded, places: _Places, shape: Any) -> Encoded:
    return form if places.keep is None else Sparse(places.keep.reshape(shape), form)


def _unpacked(found: np.ndarray, bits: int, size: int) -> np.ndarray:
    return unpack_bits(_bytes(found), bits, size)


def _bytes(found: np.ndarray) -> np.ndarray:
    if found.dtype.itemsize != 1:
        raise ValueError("its bits do not stand in bytes")
    return found.reshape(-1).view(np.uint8)


def _plain(found: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array of a type that the file may show as plain words."""
    _, bits = words_in((), dtype)
    if found.dtype.itemsize * 8 != bits:
        raise ValueError(f"it has no {dtype.name} where it needs them")
    return found.view(dtype)


def _next(arrays: Iterator[np.ndarray]) -> np.ndarray:
    found = next(arrays, None)
    if found is None:
        raise ValueError("it has fewer arrays than its description says")
    return found


def _whole(value: Any, allowed: range, what: str) -> int:
    if type(value) is not int or value not in allowed:
        raise ValueError(f"its {what} cannot be {str(value)[:20]}")
    return value
