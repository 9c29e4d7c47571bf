"""The file: safetensors with an index of what its tensors mean, checked when read."""

import base64
import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any, NamedTuple

import numpy as np

from jdistill import words
from jdistill.artifact._header import (
    TYPES,
    Listed,
    Tensor,
    check_path,
    listed,
    loads,
    parsed_bytes,
)
from jdistill.artifact._names import TAKEN, names
from jdistill.files import check_file, replacing

VERSION = 3
HEADER_BYTES = 2**24
"""What the objects of a header may take, beside twice the size of the file."""

_NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


class Entry(NamedTuple):
    """One parameter of a file: its section, its path, what it is and its arrays."""

    section: str
    path: str
    head: dict[str, Any]
    arrays: list[np.ndarray]


class Contents(NamedTuple):
    """An open file: its entries, what the user said of it, and its sizes.

    `entries` are read when they are asked for, one at a time.
    """

    entries: Iterator[Entry]
    description: Mapping[str, Any]
    num_bytes: int
    header_bytes: int


def write(
    path: str | os.PathLike[str], entries: list[Entry], description: Mapping[str, Any]
) -> int:
    """Writes a file in one piece or not at all.

    Args:
        path: of the file; an older one is replaced.
        entries: in the order in which they are read.
        description: anything that JSON can hold.

    Returns:
        The bytes written.

    Raises:
        TypeError: the description is not JSON.
        ValueError: what is to be written could not be read.
    """
    words.check_path(path=path)
    for entry in entries:
        check_path(entry.path)
    text = _text(
        {
            "entries": [
                [e.section, e.path, e.head, _digest(e.arrays)] for e in entries
            ],
            "description": dict(description),
        },
    )
    try:
        loads(text)
    except ValueError as error:
        raise ValueError(f"the description or a path is refused: {error}") from error
    called = names((e.section, e.path, e.head) for e in entries)
    named = {
        name: array
        for own, entry in zip(called, entries, strict=True)
        for name, array in zip(own, entry.arrays, strict=True)
    }
    # the largest types first, so that each array stands at a multiple of its own
    arrays = dict(sorted(named.items(), key=lambda item: -item[1].dtype.itemsize))
    head = _head(text, arrays)
    if parsed_bytes(head.decode()) > _most(sum(a.nbytes for a in arrays.values())):
        raise ValueError(
            f"{len(entries)} entries are too many for the bytes they hold: stack some"
        )
    with replacing(path) as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for array in arrays.values():
            file.write(_bytes_of(array))
        return file.tell()


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Contents]:
    """Opens a file and checks all of it, its entries as they are read.

    Raises:
        ValueError: the file is no jdistill artifact, of another version, truncated or
            altered; the message names the parameter.
    """
    words.check_path(path=path)
    check_file(path)
    with open(path, "rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            header, start = _read_header(file, size)
            index = _index(header.pop(TAKEN, {}), _most(size))
            entries = listed(index["entries"], header, size - start)
        except ValueError as error:
            raise ValueError(f"{path} {error}") from error
        read = (_read_entry(path, file, start, entry) for entry in entries)
        yield Contents(read, index["description"], size, start)


def _most(size: int) -> int:
    return HEADER_BYTES + 2 * size


def _head(text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    header: dict[str, Any] = {
        TAKEN: {
            "format": "jdistill",
            "version": str(VERSION),
            "index": text,
            "sha256": _short(hashlib.sha256(text.encode())),
        }
    }
    end = 0
    for name, array in arrays.items():
        first, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": [*array.shape],
            "data_offsets": [first, end],
        }
    found = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return found.ljust(-(-len(found) // 8) * 8)


def _read_header(file: BufferedReader, size: int) -> tuple[dict[str, Any], int]:
    first = file.read(9)
    length = int.from_bytes(first[:8], "little")
    if len(first) < 9 or first[8:] != b"{":
        raise ValueError("is not a jdistill artifact: no safetensors header")
    if length > size - 8:
        raise ValueError("is truncated or altered: its header is incomplete")
    data = b"{" + file.read(length - 1)
    try:
        header = loads(data.decode(), most=_most(size))
    except ValueError as error:
        raise ValueError(f"was altered: its header is no JSON: {error}") from error
    return header, 8 + length


def _index(metadata: Any, most: int) -> dict[str, Any]:
    if not isinstance(metadata, dict) or metadata.get("format") != "jdistill":
        raise ValueError("is not a jdistill artifact: its format is not named")
    if metadata.get("version") != str(VERSION):
        raise ValueError(
            f"is an artifact of version {str(metadata.get('version'))[:20]}; "
            f"this release reads version {VERSION}"
        )
    text = metadata.get("index")
    if not isinstance(text, str) or (
        _short(hashlib.sha256(text.encode())) != metadata.get("sha256")
    ):
        raise ValueError("was altered: the checksum of its index is wrong")
    try:
        index = loads(text, most=most)
    except ValueError as error:
        raise ValueError(f"was altered: its index is no JSON: {error}") from error
    match index:
        case {"entries": _, "description": dict(_)}:
            return index
    raise ValueError("was altered: its index has no entries or no description")


def _read_entry(path: Any, file: BufferedReader, start: int, entry: Listed) -> Entry:
    arrays = [_read_array(path, file, start, entry, spec) for spec in entry.tensors]
    if _digest(arrays) != entry.digest:
        raise ValueError(f"{path} was altered: the checksum of {entry.label} is wrong")
    return Entry(entry.section, entry.path, entry.head, arrays)


def _read_array(
    path: Any, file: BufferedReader, start: int, entry: Listed, spec: Tensor
) -> np.ndarray:
    array = np.empty(math.prod(spec.shape), spec.dtype)
    file.seek(start + spec.first)
    if file.readinto(_bytes_of(array)) != array.nbytes:
        raise ValueError(f"{path} is truncated: {entry.label} is incomplete")
    if spec.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
        raise ValueError(f"{path} was altered: {entry.label} holds no truth values")
    return array.reshape(spec.shape)


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _text(index: Any) -> str:
    try:
        return json.dumps(index, separators=(",", ":"))
    except TypeError as error:
        raise TypeError(f"the description is no JSON: {error}") from error


def _digest(arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(_bytes_of(array))
    return _short(digest)


def _short(digest: Any) -> str:
    """The first 128 bits of a digest in 22 characters."""
    return base64.urlsafe_b64encode(digest.digest()[:16]).decode().rstrip("=")
