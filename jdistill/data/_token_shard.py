"""One file of a cache of tokens: columns behind a header, whole or not there."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

from jdistill.data._cache import fingerprint
from jdistill.files import replacing

_TYPES = {"U8": "u1", "U16": "<u2", "U32": "<u4", "I32": "<i4", "I64": "<i8"}
_MOST = 2**20

Columns = Mapping[str, np.ndarray]


class Shard(NamedTuple):
    """Columns of a shard, memory-mapped, and what it says of itself."""

    columns: Columns
    note: Mapping[str, Any]


def write_shard(path: pathlib.Path, columns: Columns, note: Mapping[str, Any]) -> None:
    """Writes a shard as a safetensors file; it is whole or not there.

    Args:
        path: of the file.
        columns: arrays of whole numbers by name.
        note: what it says of itself.
    """
    arrays = {name: np.ascontiguousarray(x) for name, x in columns.items()}
    about = {"note": note, "checksum": _checksum(arrays, note)}
    # one entry, because several are written in an order that changes from time to time
    text = {"about": json.dumps(about, sort_keys=True)}
    with replacing(path) as file:
        file.write(save(arrays, text))


def read_shard(path: str | os.PathLike[str]) -> Shard:
    """A shard, every byte of it checked; its columns stay in the file.

    Args:
        path: of the file.

    Returns:
        Columns and note.

    Raises:
        ValueError: the file is not a whole, unaltered shard.
    """
    try:
        columns, about = _mapped(path)
        intact = about["checksum"] == _checksum(columns, about["note"])
    except Exception as error:
        raise ValueError(f"{path} is not a whole shard: {error}") from error
    if not intact:
        raise ValueError(f"{path} is not a whole shard: its checksum differs")
    return Shard(columns, about["note"])


def columns_of(path: str | os.PathLike[str]) -> Columns:
    """The columns of a shard that `read_shard` has checked before."""
    return _mapped(path)[0]


def _mapped(path: str | os.PathLike[str]) -> tuple[Columns, Mapping[str, Any]]:
    whole = np.memmap(path, np.uint8, "r")
    size = int(whole[:8].view("<u8")[0])
    if not 0 < size <= min(_MOST, whole.size - 8):
        raise ValueError("its header does not fit")
    header = json.loads(whole[8 : 8 + size].tobytes())
    about = json.loads(header.pop("__metadata__")["about"])
    data = whole[8 + size :]
    return {name: _column(data, entry) for name, entry in header.items()}, about


def _column(data: np.ndarray, entry: Mapping[str, Any]) -> np.ndarray:
    (length,), (start, stop) = entry["shape"], entry["data_offsets"]
    column = data[start:stop].view(_TYPES[entry["dtype"]])
    if not 0 <= start <= stop <= data.size or len(column) != length:
        raise ValueError("a column lies outside the file")
    return column


def _checksum(columns: Columns, note: Mapping[str, Any]) -> str:
    named = {name: columns[name] for name in sorted(columns)}
    text = json.dumps(note, sort_keys=True).encode()
    return fingerprint({"columns": named, "note": np.frombuffer(text, "u1")})
