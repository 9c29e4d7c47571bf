"""Bytes of a GGUF file."""

import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jdistill.models.formats._gguf_header import ALIGNMENT, ARRAY, SCALARS, TEXT
from jdistill.models.formats._gguf_kinds import Kind

_NUMBERS = {np.dtype(form): number for number, form in SCALARS.items()}


class Planned(NamedTuple):
    """A tensor that is to be written.

    * `shape`: the slowest axis first.
    * `kind`: how its numbers are stored.
    """

    shape: tuple[int, ...]
    kind: Kind

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) // self.kind.block * self.kind.size


def write_file(
    file: BinaryIO,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, Planned],
    data: Iterable[tuple[str, np.ndarray]],
) -> None:
    """Writes a GGUF file of version 3, a tensor at a time.

    Args:
        file: open for bytes.
        metadata: by key: texts, numbers, booleans, lists of texts and arrays.
        tensors: what will come, in order.
        data: their names and bytes, in the same order.

    Raises:
        ValueError: the bytes are not what was planned.
    """
    file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        file.write(_text(key) + _value(key, value))
    offset = 0
    for name, planned in tensors.items():
        file.write(_text(name) + struct.pack("<I", len(planned.shape)))
        file.write(struct.pack(f"<{len(planned.shape)}Q", *reversed(planned.shape)))
        file.write(struct.pack("<IQ", planned.kind.number, offset))
        offset += planned.size + _gap(planned.size)
    file.write(bytes(_gap(file.tell())))
    for (expected, planned), (name, array) in zip(tensors.items(), data, strict=True):
        if expected != name or array.nbytes != planned.size:
            raise ValueError(f"{planned.size} bytes of {expected!r} were to come now")
        file.write(np.ascontiguousarray(array).view(np.uint8).data)
        file.write(bytes(_gap(planned.size)))


def _gap(size: int) -> int:
    return -size % ALIGNMENT


def _text(text: str) -> bytes:
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _value(key: str, value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", TEXT) + _text(value)
    if isinstance(value, list | tuple) and all(isinstance(x, str) for x in value):
        head = struct.pack("<IIQ", ARRAY, TEXT, len(value))
        return head + b"".join(map(_text, value))
    array = _typed(key, value)
    number = struct.pack("<I", _NUMBERS[array.dtype])
    if not array.ndim:
        return number + array.tobytes()
    return (
        struct.pack("<I", ARRAY)
        + number
        + struct.pack("<Q", array.size)
        + (array.tobytes())
    )


def _typed(key: str, value: Any) -> np.ndarray:
    """Numbers of the types that readers of GGUF expect: 32 bits where they fit."""
    array = np.asarray(value)
    if not isinstance(value, np.ndarray):
        array = array.astype(_narrow(array))
    if array.ndim > 1 or array.dtype.newbyteorder("<") not in _NUMBERS:
        raise TypeError(
            f"the metadata {key!r} must be a text, a number or a list of either, got "
            f"{type(value).__name__}"
        )
    return array.astype(array.dtype.newbyteorder("<"))


def _narrow(array: np.ndarray) -> Any:
    if array.dtype.kind == "f":
        return np.float32
    if array.dtype.kind != "i":
        return array.dtype
    for dtype in (np.int32,) if array.ndim else (np.uint32, np.int32):
        limits = np.iinfo(dtype)
        if array.size == 0 or limits.min <= array.min() <= array.max() <= limits.max:
            return dtype
    return np.int64
