"""The file: safetensors with an index of what its tensors mean, checked when read."""

import base64
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

VERSION = 2
TYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16,
    "I16": np.int16, "U32": np.uint32, "I32": np.int32, "U64": np.uint64,
    "I64": np.int64, "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip


class Entry(NamedTuple):
    """One parameter of a file: its section, its path, what it is and its arrays."""

    section: str
    path: str
    head: dict[str, Any]
    arrays: list[np.ndarray]


class Contents(NamedTuple):
    """A file as read: its entries, what the user said of it, and its sizes."""

    entries: list[Entry]
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
    """
    index = {
        "entries": [[e.section, e.path, e.head, _digest(e.arrays)] for e in entries],
        "description": dict(description),
    }
    text = json.dumps(index, separators=(",", ":"))
    metadata = {
        "format": "jdistill",
        "version": str(VERSION),
        "index": text,
        "sha256": _short(hashlib.sha256(text.encode())),
    }
    tensors = {_name(i, j): a for i, e in enumerate(entries) for j, a in _parts(e)}
    return _replace(pathlib.Path(path), _ordered(save(tensors, metadata)))


def read(path: str | os.PathLike[str]) -> Contents:
    """Reads a file and checks all of it.

    Raises:
        ValueError: the file is no jdistill artifact, of another version, truncated or
            altered; the message names the parameter.
    """
    data = pathlib.Path(path).read_bytes()
    header, start = _header(path, data)
    index = _index(path, header.pop("__metadata__", {}))
    entries, spans = [], []
    for number, (section, name, head, digest) in enumerate(index["entries"]):
        label = f"{section} {name!r}"
        arrays = []
        while (spec := header.pop(_name(number, len(arrays)), None)) is not None:
            arrays.append(_array(path, label, spec, data[start:]))
            spans.append(spec["data_offsets"])
        if _digest(arrays) != digest:
            raise ValueError(f"{path} was altered: the checksum of {label} is wrong")
        entries.append(Entry(section, name, head, arrays))
    if header or not _tile(spans, len(data) - start):
        raise ValueError(f"{path} was altered: it holds more than its index says")
    return Contents(entries, index["description"], len(data), start)


def _header(path: Any, data: bytes) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or data[8:9] != b"{":
        raise ValueError(f"{path} is not a jdistill artifact: no safetensors header")
    if length > len(data) - 8:
        raise ValueError(f"{path} is truncated or altered: its header is incomplete")
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError as error:
        raise ValueError(f"{path} was altered: its header is not JSON") from error
    return header, 8 + length


def _ordered(file: bytes) -> bytes:
    """The file with its metadata in order: safetensors writes them in a random one."""
    size = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + file[8 + size :]


def _index(path: Any, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != "jdistill":
        raise ValueError(f"{path} is not a jdistill artifact: its format is not named")
    if metadata.get("version") != str(VERSION):
        raise ValueError(
            f"{path} is an artifact of version {metadata.get('version')}; "
            f"this release reads version {VERSION}"
        )
    text = metadata.get("index", "")
    if _short(hashlib.sha256(text.encode())) != metadata.get("sha256"):
        raise ValueError(f"{path} was altered: the checksum of its index is wrong")
    return json.loads(text)


def _array(path: Any, label: str, spec: dict[str, Any], data: bytes) -> np.ndarray:
    try:
        first, last = spec["data_offsets"]
        dtype, shape = np.dtype(TYPES[spec["dtype"]]), tuple(spec["shape"])
        if last > len(data):
            raise EOFError
        return np.frombuffer(data[first:last], dtype).reshape(shape)
    except EOFError:
        raise ValueError(f"{path} is truncated: {label} is incomplete") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} was altered: {label} cannot be read") from error


def _tile(spans: list[list[int]], size: int) -> bool:
    """Whether the spans cover [0, size) once, with nothing between them."""
    edges = [0, *(edge for span in sorted(spans) for edge in span), size]
    return all(a == b for a, b in zip(edges[::2], edges[1::2], strict=True))


def _parts(entry: Entry) -> list[tuple[int, np.ndarray]]:
    return list(enumerate(np.ascontiguousarray(a) for a in entry.arrays))


def _name(entry: int, part: int) -> str:
    return f"{entry}.{part}"


def _digest(arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return _short(digest)


def _short(digest: Any) -> str:
    """The first 128 bits of a digest in 22 characters."""
    return base64.urlsafe_b64encode(digest.digest()[:16]).decode().rstrip("=")


def _replace(path: pathlib.Path, data: bytes) -> int:
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    return len(data)
