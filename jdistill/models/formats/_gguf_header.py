"""What a GGUF file says it holds, none of it believed before it fits the file."""

import math
import struct
from typing import Any, NamedTuple

import numpy as np

from jdistill.models.formats._gguf_kinds import BY_NUMBER, Kind

VERSIONS = (2, 3)
ALIGNMENT = 32
"""Tensors begin at multiples of this where the file does not say another number."""

SCALARS = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    7: "|b1",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
"""Types of metadata by their number."""

TEXT, ARRAY = 8, 9
_FEWEST = {"tensors": 24, "metadata": 13}
"""Bytes that one of them takes at least."""


class Tensor(NamedTuple):
    """Where a tensor stands.

    * `shape`: the slowest axis first, as NumPy writes it.
    * `kind`: how its numbers are stored.
    * `start`: its first byte in the file.
    * `size`: in bytes.
    """

    shape: tuple[int, ...]
    kind: Kind
    start: int
    size: int


class Header(NamedTuple):
    """What a file holds.

    * `metadata`: by key: texts, numbers, booleans, lists of texts and arrays.
    * `tensors`: by name.
    """

    metadata: dict[str, Any]
    tensors: dict[str, Tensor]


def read_header(data: Any) -> Header:
    """The metadata and the tensors of a GGUF file.

    Counts and lengths are held against the bytes that are there before anything is
    allocated, so what it takes in memory is bounded by the size of the file. No two
    tensors share bytes.

    Args:
        data: the bytes of the file, mapped or in memory.

    Returns:
        The header.

    Raises:
        ValueError: this is no GGUF file, of another version, cut short, or it
            contradicts itself; the message says where.

    References:
        Gerganov et al., GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
    """
    scan = _Scan(memoryview(data))
    if bytes(scan.take(4)) != b"GGUF":
        raise ValueError("this is no GGUF file: it does not begin with 'GGUF'")
    version = scan.number("<I")
    if version not in VERSIONS:
        raise ValueError(f"GGUF version {version:#x}; those that are read: {VERSIONS}")
    tensors = scan.count("tensors")
    entries = scan.count("metadata")
    metadata: dict[str, Any] = {}
    for _ in range(entries):
        key = scan.text()
        if key in metadata:
            raise ValueError(f"the key {key!r} is there twice")
        metadata[key] = _value(scan, key)
    found = _tensors(scan, tensors)
    return Header(metadata, _placed(scan, found, _alignment(metadata)))


class _Scan:
    """Reads one thing after the other, and never beyond the end."""

    def __init__(self, data: memoryview):
        self.data = data
        self.at = 0

    def take(self, size: int) -> memoryview:
        if size > len(self.data) - self.at:
            raise ValueError(
                f"the file is cut short: {size} bytes at {self.at} of {len(self.data)}"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self, what: str) -> int:
        """How many follow, which must have room in the rest of the file."""
        found = self.number("<Q")
        if found * _FEWEST[what] > len(self.data) - self.at:
            raise ValueError(f"the file is cut short: no room for {found} {what}")
        return found

    def text(self) -> str:
        at = self.at
        try:
            return str(self.take(self.number("<Q")), "utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"the text at byte {at} is not UTF-8") from None


def _value(scan: _Scan, key: str) -> Any:
    number = scan.number("<I")
    if number == TEXT:
        return scan.text()
    if number == ARRAY:
        return _array(scan, key)
    return _plain(_numbers(scan, key, number, 1)[0])


def _array(scan: _Scan, key: str) -> Any:
    number, count = scan.number("<I"), scan.number("<Q")
    if number != TEXT:
        return _numbers(scan, key, number, count)
    if 8 * count > len(scan.data) - scan.at:
        raise ValueError(f"the file is cut short: no room for {count} texts of {key!r}")
    return [scan.text() for _ in range(count)]


def _numbers(scan: _Scan, key: str, number: int, count: int) -> np.ndarray:
    if number not in SCALARS:
        raise ValueError(f"{key!r} has a value of the unknown type {number}")
    dtype = np.dtype(SCALARS[number])
    raw = bytes(scan.take(count * dtype.itemsize))
    if dtype.kind == "b":  # a byte that is neither 0 nor 1 is no boolean of NumPy's
        return np.frombuffer(raw, np.uint8) != 0
    return np.frombuffer(raw, dtype)


def _plain(x: Any) -> int | float | bool:
    """A Python number; of a float32 the shortest one that is written as it."""
    return float(str(x)) if x.dtype == np.float32 else x.item()


def _tensors(scan: _Scan, count: int) -> dict[str, tuple[tuple[int, ...], Kind, int]]:
    found = {}
    for _ in range(count):
        name = scan.text()
        if name in found:
            raise ValueError(f"the tensor {name!r} is there twice")
        axes = scan.number("<I")
        if not 1 <= axes <= 4:
            raise ValueError(f"{name!r} has {axes} axes; a tensor has 1 to 4")
        shape = tuple(scan.number("<Q") for _ in range(axes))[::-1]
        number = scan.number("<I")
        if number not in BY_NUMBER:
            raise ValueError(f"{name!r} is stored in a kind unknown here, {number}")
        found[name] = shape, BY_NUMBER[number], scan.number("<Q")
    return found


def _alignment(metadata: dict[str, Any]) -> int:
    found = metadata.get("general.alignment", ALIGNMENT)
    good = isinstance(found, int) and not isinstance(found, bool)
    if not good or found < 1 or found & (found - 1):
        raise ValueError(f"'general.alignment' is {found!r}, no power of two")
    return found


def _placed(scan: _Scan, found: dict[str, Any], alignment: int) -> dict[str, Tensor]:
    base, end = -(-scan.at // alignment) * alignment, len(scan.data)
    placed = {}
    for name, (shape, kind, offset) in found.items():
        if not all(shape) or shape[-1] % kind.block:
            raise ValueError(f"{name!r} of shape {shape} has no rows of {kind.name}")
        size = math.prod(shape) // kind.block * kind.size
        if offset % alignment or base + offset + size > end:
            raise ValueError(
                f"the file is cut short or damaged: {name!r} has {size} bytes at "
                f"{base + offset} of {end}"
            )
        placed[name] = Tensor(shape, kind, base + offset, size)
    last, before = 0, ""
    for name, tensor in sorted(placed.items(), key=lambda item: item[1].start):
        if tensor.start < last:
            raise ValueError(f"the tensors {before!r} and {name!r} share bytes")
        last, before = tensor.start + tensor.size, name
    return placed
