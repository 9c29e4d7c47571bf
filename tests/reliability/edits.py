"""Files of `artifact.pack` with another header or other bytes, checksums made anew."""

import base64
import hashlib
import json
from typing import Any, NamedTuple

import numpy as np

from jdistill.artifact import _names

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4}
SIZES |= {"F16": 2, "F32": 4, "U64": 8, "I64": 8, "F64": 8}
TYPES = {
    "BOOL": "bool", "U8": "u1", "I8": "i1", "U16": "u2", "I16": "i2", "U32": "u4",
    "I32": "i4", "U64": "u8", "I64": "i8", "F16": "f2", "F32": "f4", "F64": "f8",
}  # fmt: skip


class Opened(NamedTuple):
    """The parts of a file: `index` is read from `metadata`."""

    metadata: dict[str, Any]
    index: dict[str, Any]
    tensors: dict[str, Any]
    body: bytes


def opened(data: bytes) -> Opened:
    length = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + length])
    metadata = tensors.pop("__metadata__")
    index = json.loads(metadata["index"])
    return Opened(metadata, index, tensors, data[8 + length :])


def closed(parts: Opened, *, text: str | None = None) -> bytes:
    """The file again, with the checksum of its index made anew."""
    text = json.dumps(parts.index) if text is None else text
    metadata = parts.metadata | {"index": text, "sha256": digest(text.encode())}
    return with_header({"__metadata__": metadata, **parts.tensors}, parts.body)


def with_header(header: Any, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def signed_anew(parts: Opened) -> Opened:
    """The checksums of all entries made anew where their tensors can be read."""
    entries = parts.index["entries"]
    for entry, names in zip(entries, called(entries), strict=True):
        specs = [parts.tensors[n] for n in names if n in parts.tensors]
        try:
            entry[3] = checksum([array(spec, parts.body) for spec in specs])
        except (KeyError, TypeError, ValueError, IndexError):
            continue
    return parts


def called(entries: list[Any]) -> list[list[str]]:
    """The names of the tensors of each entry, none where it is no entry."""
    try:
        return _names.names((section, path, head) for section, path, head, _ in entries)
    except (TypeError, ValueError):
        return [[] for _ in entries]


def array(spec: dict[str, Any], body: bytes) -> np.ndarray:
    first, last = spec["data_offsets"]
    return np.frombuffer(body[first:last], TYPES[spec["dtype"]]).reshape(spec["shape"])


def checksum(arrays: list[np.ndarray]) -> str:
    whole = b"".join(f"{a.dtype.str}{a.shape}".encode() + a.tobytes() for a in arrays)
    return digest(whole)


def digest(data: bytes) -> str:
    short = hashlib.sha256(data).digest()[:16]
    return base64.urlsafe_b64encode(short).decode().rstrip("=")


def made_of(head: Any, arrays: list[np.ndarray], **more: Any) -> bytes:
    """A file of one parameter `w` with any description and any arrays."""
    kinds = {np.dtype(kind): name for name, kind in TYPES.items()}
    tensors, body = {}, b""
    entry = ["parameter", "w", head, checksum(arrays)]
    names = [*called([entry])[0], *(f"more.{n}" for n in range(len(arrays)))]
    for name, one in zip(names, arrays, strict=False):
        tensors[name] = {
            "dtype": kinds[one.dtype],
            "shape": list(one.shape),
            "data_offsets": [len(body), len(body) + one.nbytes],
        }
        body += one.tobytes()
    index = {"entries": [entry], "description": {}, **more}
    metadata = {"format": "jdistill", "version": "3"}
    return closed(Opened(metadata, index, tensors, body))
