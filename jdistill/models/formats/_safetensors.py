"""Arrays in safetensors files, mapped and not loaded; folders of one file or many."""

import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.models.formats._hf_facts import read_json
from jdistill.models.formats._rows import Source, summary

TYPES: Mapping[str, Any] = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16,
    "I16": np.int16, "U32": np.uint32, "I32": np.int32, "U64": np.uint64,
    "I64": np.int64, "F16": np.float16, "BF16": jnp.bfloat16, "F32": np.float32,
    "F64": np.float64, "F8_E4M3": jnp.float8_e4m3fn, "F8_E5M2": jnp.float8_e5m2,
}  # fmt: skip
ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
_NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
_MOST_HEADER = 16_000_000
_METADATA = "__metadata__"


class Place(NamedTuple):
    """Where an array stands in a file, in bytes from its beginning."""

    path: pathlib.Path
    kind: jax.ShapeDtypeStruct
    first: int
    size: int


def open_folder(folder: pathlib.Path) -> Source:
    """The arrays of `model.safetensors`, or of the files that its index names.

    Each is mapped when it is asked for and unmapped when it is let go. All headers are
    checked against the sizes of their files first.

    Args:
        folder: with the files.

    Raises:
        ValueError: a file is missing, cut off or altered.
    """
    places: dict[str, Place] = {}
    for path in _files(folder):
        found = _places(path)
        if twice := places.keys() & found.keys():
            raise ValueError(f"{path} holds again: {summary(twice)}")
        places |= found
    return Source({n: p.kind for n, p in places.items()}, lambda n: _map(places[n]))


def write_folder(source: Source, folder: pathlib.Path, most_bytes: int) -> None:
    """One file, or several of at most so many bytes and an index.

    Args:
        source: what to write, each array made when it is written.
        folder: where to.
        most_bytes: of a file's arrays; one larger than that has a file of its own.
    """
    shards = list(_shards(source, most_bytes))
    if len(shards) == 1:
        _write(source, shards[0], folder / ONE)
        return
    where: dict[str, str] = {}
    for i, names in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        _write(source, names, folder / file)
        where |= dict.fromkeys(names, file)
    total = sum(_bytes(kind) for kind in source.names.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / INDEX).write_text(json.dumps(index, indent=2))


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    if not (folder / INDEX).is_file():
        if (folder / ONE).is_file():
            return [folder / ONE]
        there = sorted(p.name for p in folder.iterdir())[:20]
        raise ValueError(f"{folder} has no {ONE} and no {INDEX}; there are {there}")
    files = read_json(folder / INDEX).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise ValueError(f"{folder / INDEX} has no weight_map")
    names = sorted({str(name) for name in files.values()})
    for name in names:
        if name != os.path.basename(name) or not (folder / name).is_file():
            raise ValueError(
                f"{INDEX} names {name[:80]!r}, which is no file of {folder}"
            )
    return [folder / name for name in names]


def _places(path: pathlib.Path) -> dict[str, Place]:
    """Where each array is; no byte of them is read."""
    try:
        header, start = _header(path)
        size = path.stat().st_size - start
        found = {
            name: _place(path, name, entry, start)
            for name, entry in header.items()
            if name != _METADATA
        }
        _cover(found, start, size)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return found


def _header(path: pathlib.Path) -> tuple[dict[str, Any], int]:
    size = path.stat().st_size
    with open(path, "rb") as file:
        first = file.read(8)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or length > size - 8:
            raise ValueError(
                f"cut off or no safetensors file: {size} bytes, a header of {length}"
            )
        if length > _MOST_HEADER:
            raise ValueError(f"a header of {length} bytes, more than {_MOST_HEADER}")
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError("its header holds no object")
    return header, 8 + length


def _place(path: pathlib.Path, name: str, entry: Any, start: int) -> Place:
    match entry:
        case {
            "dtype": str(word),
            "shape": list(shape),
            "data_offsets": [int(first), int(last)],
        } if word in TYPES and all(type(n) is int and n >= 0 for n in shape):
            kind = jax.ShapeDtypeStruct(tuple(shape), TYPES[word])
            if first >= 0 and last - first == _bytes(kind):
                return Place(path, kind, start + first, last - first)
    raise ValueError(f"the entry of {name[:80]!r} makes no sense: {str(entry)[:120]}")


def _cover(places: Mapping[str, Place], start: int, size: int) -> None:
    """Arrays stand one behind the other and fill the file."""
    end = start
    for name, place in sorted(places.items(), key=lambda item: item[1][2:]):
        if place.first != end:
            raise ValueError(f"{name[:80]!r} does not begin where the one before ends")
        end += place.size
    if end != start + size:
        raise ValueError(
            f"cut off or altered: arrays of {end - start} bytes in a file with room "
            f"for {size}"
        )


def _map(place: Place) -> np.ndarray:
    shape, dtype = place.kind.shape, place.kind.dtype
    if not place.size:
        return np.empty(shape, dtype)
    raw = np.memmap(place.path, np.uint8, "r", place.first, (place.size,))
    return np.asarray(raw).view(dtype).reshape(shape)


def _shards(source: Source, most: int) -> Iterator[list[str]]:
    names: list[str] = []
    total = 0
    for name in sorted(source.names):
        size = _bytes(source.names[name])
        if names and total + size > most:
            yield names
            names, total = [], 0
        names.append(name)
        total += size
    yield names


def _write(source: Source, names: list[str], path: pathlib.Path) -> None:
    header: dict[str, Any] = {_METADATA: {"format": "pt"}}
    end = 0
    for name in names:
        kind = source.names[name]
        first, end = end, end + _bytes(kind)
        header[name] = {
            "dtype": _NAMES[np.dtype(kind.dtype)],
            "shape": list(kind.shape),
            "data_offsets": [first, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            _write_array(file, source.get(name))
        file.flush()
        os.fsync(file.fileno())


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _bytes(kind: jax.ShapeDtypeStruct) -> int:
    return math.prod(kind.shape) * np.dtype(kind.dtype).itemsize
