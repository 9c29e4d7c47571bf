"""What stands at the head of a file, believed only as far as it fits the file."""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jdistill.artifact._names import names

TYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16,
    "I16": np.int16, "U32": np.uint32, "I32": np.int32, "U64": np.uint64,
    "I64": np.int64, "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip
SECTIONS = ("parameter", "state", "activation")
MAX_RANK = 32
MAX_SIZE = 2**48
MAX_FOLDERS = 64
"""How many names a path may join."""


class Tensor(NamedTuple):
    """Where an array stands in a file, from the end of the header."""

    dtype: np.dtype
    shape: tuple[int, ...]
    first: int
    last: int


class Listed(NamedTuple):
    """An entry as the index lists it: `digest` is the checksum of its tensors."""

    section: str
    path: str
    head: dict[str, Any]
    digest: str
    tensors: list[Tensor]

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.section} {self.path!r}"


def loads(text: str, *, most: int | None = None) -> Any:
    """JSON that means one thing: no key twice, no lone surrogate, not too deep.

    Args:
        text: the JSON.
        most: how many bytes what it says may take in memory; None for any.

    Raises:
        ValueError: it is no such JSON.

    Example:
        >>> loads('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: the key 'a' is there twice
    """
    if most is not None and parsed_bytes(text) > most:
        raise ValueError("it holds too many parts")
    try:
        found = json.loads(text, object_pairs_hook=_once)
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is too deep") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character") from None
    return found


def parsed_bytes(text: str) -> int:
    """About how many bytes the objects take that a JSON text describes, at most.

    Example:
        >>> parsed_bytes('[{}, {}]')
        592
    """
    weights = {"{": 240, "[": 72, ",": 40, '"': 32}
    return sum(text.count(sign) * weight for sign, weight in weights.items())


def shape_of(value: Any) -> tuple[int, ...]:
    """A shape, from JSON.

    Raises:
        ValueError: it is no list of whole numbers, or its arrays cannot be made.

    Example:
        >>> shape_of([2, 3])
        (2, 3)
    """
    whole = isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
    if not whole or len(value) > MAX_RANK:
        raise ValueError("its shape is no list of lengths")
    if math.prod(max(n, 1) for n in value) > MAX_SIZE:
        raise ValueError("its shape is too large for any array")
    return tuple(value)


def listed(index: Any, tensors: dict[str, Any], size: int) -> list[Listed]:
    """The entries of an index with their tensors.

    Args:
        index: from JSON.
        tensors: what the header says of each tensor, from JSON.
        size: bytes behind the header.

    Returns:
        The entries, in order. Together their tensors cover the file once.

    Raises:
        ValueError: one of them does not fit the file.
    """
    if not isinstance(index, list):
        raise ValueError("was altered: its index is no list")
    rest, entries, seen = dict(tensors), [], set()
    items = [_item(number, item) for number, item in enumerate(index)]
    for item, called in zip(items, _called(items), strict=True):
        section, path, head, digest = item
        if (section, path) in seen:
            raise ValueError(f"was altered: it holds {section} {path!r} twice")
        seen.add((section, path))
        specs = [rest.pop(name) for name in called if name in rest]
        found = [_tensor(spec, f"{section} {path!r}", size) for spec in specs]
        entries.append(Listed(section, path, head, digest, found))
    spans = [(t.first, t.last) for entry in entries for t in entry.tensors]
    if rest or not _tile(spans, size):
        raise ValueError("was altered: it holds more than its index says")
    return entries


def _called(items: list[tuple[str, str, Any, str]]) -> list[list[str]]:
    try:
        return names((section, path, head) for section, path, head, _ in items)
    except ValueError as error:
        raise ValueError(f"was altered: {error}") from error


def check_path(path: Any) -> None:
    """Refuses what is no path of a parameter.

    Raises:
        ValueError: names it.
    """
    if not isinstance(path, str):
        raise ValueError(f"the path {path!r} is no text")
    if path.count("/") >= MAX_FOLDERS:
        raise ValueError(
            f"a path may join {MAX_FOLDERS} names, and {path[:40]!r}... more"
        )


def _item(number: int, item: Any) -> tuple[str, str, dict[str, Any], str]:
    match item:
        case [str(section), str(path), dict(head), str(digest)] if section in SECTIONS:
            check_path(path)
            return section, path, head, digest
    raise ValueError(f"was altered: entry {number} of its index is no entry")


def _tensor(spec: Any, label: str, size: int) -> Tensor:
    match spec:
        case {"dtype": str(kind), "shape": shape, "data_offsets": [int(a), int(b)]}:
            pass
        case _:
            raise ValueError(f"was altered: {label} cannot be read")
    if kind not in TYPES:
        raise ValueError(f"was altered: {label} has no type {kind[:20]!r}")
    dtype, lengths = np.dtype(TYPES[kind]), shape_of(shape)
    if b > size:
        raise ValueError(f"is truncated: {label} is incomplete")
    if not 0 <= a <= b or b - a != math.prod(lengths) * dtype.itemsize:
        raise ValueError(f"was altered: {label} has other bytes than its shape takes")
    return Tensor(dtype, lengths, a, b)


def _tile(spans: Sequence[tuple[int, int]], size: int) -> bool:
    """Whether the spans cover [0, size) once, with nothing between them."""
    edges = [0, *(edge for span in sorted(spans) for edge in span), size]
    return all(a == b for a, b in zip(edges[::2], edges[1::2], strict=True))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} is there twice")
        found[key] = value
    return found
