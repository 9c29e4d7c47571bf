"""The types of arrays that a file can hold, by name."""

import math
from typing import Any

import ml_dtypes
import numpy as np

_PLAIN = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
_NARROW = (
    "bfloat16", "int2", "int4", "uint2", "uint4", "float4_e2m1fn",
    "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn",
    "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
)  # fmt: skip
TYPES = {name: np.dtype(name) for name in _PLAIN} | {
    name: np.dtype(getattr(ml_dtypes, name))
    for name in _NARROW
    if hasattr(ml_dtypes, name)
}
SCALES = ("float32", "float16", "bfloat16")
"""The types of step sizes."""


def type_of(name: Any) -> np.dtype:
    """The type of a name.

    Raises:
        ValueError: there is no such type.

    Example:
        >>> type_of('float16')
        dtype('float16')
    """
    if not isinstance(name, str) or name not in TYPES:
        raise ValueError(f"there is no type {str(name)[:20]!r}")
    return TYPES[name]


def is_float(dtype: np.dtype) -> bool:
    """Whether values of this type are real numbers with a fraction.

    Example:
        >>> is_float(np.dtype('float16')), is_float(np.dtype('int8'))
        (True, False)
    """
    return "float" in dtype.name


def as_array(value: Any) -> np.ndarray:
    """An array of a type that a file can hold, its bytes in their usual order.

    Raises:
        ValueError: the type is another one.

    Example:
        >>> as_array(np.ones(2, '>f4')).dtype
        dtype('float32')
    """
    try:
        array = np.asarray(value)
    except TypeError as error:
        raise ValueError(f"cannot be stored: {error}") from error
    if array.dtype.name not in TYPES:
        raise ValueError(
            f"has the type {array.dtype}, which no file can hold: {', '.join(TYPES)}"
        )
    return array.astype(TYPES[array.dtype.name], order="C", copy=False)


def to_words(array: np.ndarray) -> np.ndarray:
    """The entries of an array as unsigned integers, in one row.

    A complex number is two of them.

    Example:
        >>> to_words(np.array([1.0], np.float16))
        array([15360], dtype=uint16)
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.dtype.kind == "c":
        flat = flat.view(f"f{array.dtype.itemsize // 2}")
    return flat.view(f"u{flat.dtype.itemsize}")


def words_in(shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, int]:
    """How many words an array has, and the bits of each.

    Example:
        >>> words_in((2, 3), np.dtype('complex64'))
        (12, 32)
    """
    parts = 2 if dtype.kind == "c" else 1
    return parts * math.prod(shape), 8 * dtype.itemsize // parts


def stored(words: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Words as the file shows them: in their own type where it has that type.

    Example:
        >>> stored(np.array([15360], np.uint16), np.dtype('float16'))
        array([1.], dtype=float16)
    """
    if dtype.kind == "c":
        return words.view(f"f{words.dtype.itemsize}")
    return words.view(dtype) if dtype.isbuiltin == 1 else words
