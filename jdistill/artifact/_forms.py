"""A compressed parameter as plain arrays with a short description, and back."""

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from jdistill.artifact._bits import (
    cheapest,
    pack_bits,
    read_index,
    signed,
    unpack_bits,
    write_index,
)
from jdistill.compress import Codebook, Dense, Encoded, Factors, Quantized, Sparse


def lower(encoded: Encoded) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The description of an encoding and its arrays, the smallest that say it.

    The keys of a description: `k` kind, `s` shape, `t` type where it is not float32,
    `b` bits of a code, `z` how many entries are not zero, `p` how their places are
    written: absent where all entries are, `[]` a bitmap, `[bits, entries]` an index.

    Args:
        encoded: any form, nested.

    Returns:
        The description, ready for JSON, and the arrays in the order of `lift`.

    Example:
        >>> lower(Dense(np.eye(16, dtype=np.float32)))[0]
        {'k': 'd', 's': [16, 16], 'z': 16, 'p': [5, 16]}
    """
    keep, inner = None, encoded
    while isinstance(inner, Sparse):
        mask = np.asarray(inner.mask)
        keep, inner = mask if keep is None else keep & mask, inner.values
    if isinstance(inner, Factors):
        return _lower_factors(inner, keep)
    if isinstance(inner, Dense) and np.ndim(inner.array) == 0:
        return _lower_number(np.asarray(inner.array)), []
    words, bits, head, extra = _words(inner)
    keep, forms = _kept(words, keep, head["k"] != "c" and "o" not in head)
    places = cheapest(keep, bits, forms=forms)
    head = {**head, "z": int(keep.sum())}
    if places.form == "dense":
        return head, [_values(words * keep, bits, head), *extra]
    stored, head["p"] = pack_bits(keep, 1), []
    if places.form == "index":
        stored = pack_bits(write_index(keep, places.bits), places.bits)
        head["p"] = [places.bits, places.entries]
    return head, [stored, _values(words[keep], bits, head), *extra]


def lift(head: dict[str, Any], arrays: Iterator[np.ndarray]) -> Encoded:
    """The encoding that `lower` described.

    Args:
        head: the description.
        arrays: the arrays, of which it takes its own.

    Returns:
        An encoding that decodes to the same values, bit for bit.

    Example:
        >>> head, arrays = lower(Dense(np.array([0.0, 1.5], np.float32)))
        >>> lift(head, iter(arrays)).array
        array([0. , 1.5], dtype=float32)
    """
    if head["k"] == "n":
        return Dense(np.asarray(head["v"], _dtype(head)))
    if head["k"] == "f":
        return _lift_factors(head, arrays)
    shape, keep = tuple(head["s"]), None
    if "p" in head:
        keep = _read_places(next(arrays), head["p"], int(np.prod(shape)))
    words = _read_values(next(arrays), head, keep).reshape(shape)
    if head["k"] == "d":
        return Dense(words.view(_dtype(head)))
    if head["k"] == "q":
        name = head.get("t", "float32")
        scale = next(arrays)
        if "e" in head:
            scale = scale.view(np.dtype(getattr(ml_dtypes, head["e"], head["e"])))
        zero = next(arrays) if "o" in head else None
        kind = np.int8 if zero is None else np.uint8
        values = Quantized(words.astype(kind), scale, zero, bits=head["b"], dtype=name)
    else:
        values = Codebook(words.astype(np.int32), next(arrays))
    return values if keep is None else Sparse(keep.reshape(shape), values)


def _kept(
    words: np.ndarray, mask: np.ndarray | None, zeros: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which entries must be written, and the forms that can leave out the others."""
    if zeros:  # a zero word is a zero value, and need not be written
        keep = words != 0 if mask is None else mask & (words != 0)
        return keep, ("dense", "bitmap", "index")
    if mask is None or mask.all():
        return np.ones(words.shape, bool), ("dense",)
    return mask, ("bitmap", "index")  # no other word means zero


def _lower_number(number: np.ndarray) -> dict[str, Any]:
    name = number.dtype.name
    head = {"k": "n", "v": number.item() if name != "bfloat16" else float(number)}
    return head if name == "float32" else {**head, "t": name}


def _lower_factors(
    factors: Factors, keep: np.ndarray | None
) -> tuple[dict[str, Any], list[np.ndarray]]:
    left, first = lower(factors.left)
    right, second = lower(factors.right)
    head: dict[str, Any] = {"k": "f", "l": left, "r": right}
    if keep is None:
        return head, [*first, *second]
    return {**head, "s": [*keep.shape]}, [*first, *second, pack_bits(keep, 1)]


def _lift_factors(head: dict[str, Any], arrays: Iterator[np.ndarray]) -> Encoded:
    factors = Factors(lift(head["l"], arrays), lift(head["r"], arrays))
    if "s" not in head:
        return factors
    keep = _read_places(next(arrays), [], int(np.prod(head["s"])))
    return Sparse(keep.reshape(head["s"]), factors)


def _words(inner: Encoded) -> tuple[np.ndarray, int, dict[str, Any], list[np.ndarray]]:
    """The entries as integers, their bits, the description, and what else is needed."""
    match inner:
        case Dense(array=array):
            array = np.asarray(array)
            name, size = array.dtype.name, array.dtype.itemsize
            head = {"k": "d", "s": [*array.shape]}
            head = head if name == "float32" else {**head, "t": name}
            return array.view(f"u{size}"), 8 * size, head, []
        case Quantized(codes=codes, bits=bits, dtype=dtype):
            codes = np.asarray(codes)
            head = {"k": "q", "s": [*codes.shape], "b": int(bits)}
            head = head if dtype == "float32" else {**head, "t": dtype}
            steps, extra = _steps(inner)
            return codes, int(bits), {**head, **steps}, extra
        case Codebook(indices=indices, centroids=centroids):
            indices, centroids = np.asarray(indices), np.asarray(centroids)
            bits = max(1, int(centroids.size - 1).bit_length())
            head = {"k": "c", "s": [*indices.shape], "b": bits}
            return indices, bits, head, [centroids]
    raise TypeError(f"cannot pack a {type(inner).__name__}")


def _steps(form: Quantized) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Step sizes and zero points as plain arrays, and what that needs saying."""
    scale, head = np.asarray(form.scale), {}
    if scale.dtype != np.float32:
        head["e"] = scale.dtype.name
        scale = scale.view(f"u{scale.dtype.itemsize}")
    if form.zero is None:
        return head, [scale]
    return {**head, "o": 1}, [scale, np.asarray(form.zero)]


def _values(words: np.ndarray, bits: int, head: dict[str, Any]) -> np.ndarray:
    """Words as they are stored: arrays in their own type, codes in their own bits."""
    if head["k"] == "d":
        native = _dtype(head).isbuiltin == 1  # else as plain words: bfloat16
        return np.ascontiguousarray(words).view(_dtype(head) if native else words.dtype)
    if bits == 8 and head["k"] == "q":
        return np.ascontiguousarray(words)
    return pack_bits(words, bits)


def _read_values(
    stored: np.ndarray, head: dict[str, Any], keep: np.ndarray | None
) -> np.ndarray:
    size = int(np.prod(head["s"]))
    count = size if keep is None else head["z"]
    if head["k"] == "d":
        words = stored.reshape(-1).view(f"u{stored.dtype.itemsize}")
    elif head["k"] == "q" and head["b"] == 8:
        words = stored.reshape(-1)
    else:
        words = unpack_bits(stored, head["b"], count)
        symmetric = head["k"] == "q" and "o" not in head
        words = signed(words, head["b"]) if symmetric else words
    if keep is None:
        return words
    full = np.zeros(size, words.dtype)
    full[keep] = words
    return full


def _read_places(stored: np.ndarray, places: list[int], size: int) -> np.ndarray:
    if not places:
        return unpack_bits(stored, 1, size).astype(bool)
    bits, entries = places
    return read_index(unpack_bits(stored, bits, entries), bits, size)


def _dtype(head: dict[str, Any]) -> np.dtype:
    name = head.get("t", "float32")
    return np.dtype(getattr(ml_dtypes, name, name))
