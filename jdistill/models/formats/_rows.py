"""One table of rows that says which of their arrays is which of ours, both ways."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill import tree
from jdistill.models.formats._changes import Change
from jdistill.typing import Tree


class Row(NamedTuple):
    """One kind of array.

    * `name`: theirs, such as 'model.layers.{layer}.mlp.up_proj.weight'; with `{layer}`
      it is one array a layer, and ours is their stack.
    * `paths`: ours, such as ('layers/mlp/up/kernel',); several where their array is
      ours joined.
    * `changes`: from theirs to ours, in order.
    """

    name: str
    paths: tuple[str, ...]
    changes: tuple[Change, ...] = ()


class Source(NamedTuple):
    """Named arrays, read one at a time.

    * `names`: shape and type by name.
    * `get(name) -> array`: from a file, or made when asked for. One that can be written
      to is the reader's to keep.
    """

    names: Mapping[str, jax.ShapeDtypeStruct]
    get: Callable[[str], np.ndarray]


def read_rows(
    rows: Sequence[Row],
    source: Source,
    like: Tree,
    *,
    dtype: Any = np.float32,
    shardings: Tree | None = None,
) -> Tree:
    """Parameters from their arrays: one leaf at a time, a stack layer by layer.

    Args:
        rows: the table; its paths are those of `like`.
        source: their arrays, all of which the rows name.
        like: the shapes of our parameters; a leaf of a row with `{layer}` is stacked
            along its first axis.
        dtype: of our parameters.
        shardings: where each leaf goes, in the form of `like`; each device's part is
            read alone. None for the default device.

    Raises:
        ValueError: a name is missing or not in the table, or a shape does not fit.
    """
    shapes = {path: x.shape for path, x in tree.flatten(like).items()}
    _match("parameters", set(shapes), set(_places(rows)))
    _check(rows, source, shapes)
    homes = {} if shardings is None else tree.flatten(shardings)
    leaves: dict[str, Any] = {}
    # the largest first, while nothing else is in memory beside it and its file
    for path in sorted(shapes, key=lambda p: -math.prod(shapes[p])):
        read = _reader(*_places(rows)[path], source, path, shapes[path], dtype)
        leaves[path] = _put(read, shapes[path], homes.get(path))
    return tree.unflatten(like, leaves)


def write_rows(rows: Sequence[Row], params: Tree, *, dtype: Any = None) -> Source:
    """Their arrays from our parameters, each made when it is asked for.

    Args:
        rows: the table; its paths are those of `params`.
        params: ours.
        dtype: of their arrays, None for that of ours.

    Raises:
        ValueError: the table and the parameters have different paths.
    """
    leaves = tree.flatten(params)
    _match("parameters", set(leaves), set(_places(rows)))
    names: dict[str, jax.ShapeDtypeStruct] = {}
    made: dict[str, tuple[Row, int | None]] = {}
    for row in rows:
        own = [leaves[path] for path in row.paths]
        first = _write(row, own, 0)
        kind = jax.ShapeDtypeStruct(first.shape, dtype or first.dtype)
        for name, layer in _layers(row, {p: np.shape(leaves[p]) for p in row.paths}):
            names[name], made[name] = kind, (row, layer)

    def get(name: str) -> np.ndarray:
        row, layer = made[name]
        own = [leaves[path] for path in row.paths]
        return _write(row, own, layer or 0).astype(names[name].dtype, copy=False)

    return Source(names, get)


def _is_stack(row: Row) -> bool:
    return "{layer}" in row.name


def _places(rows: Sequence[Row]) -> dict[str, tuple[Row, int]]:
    """The row of each path, and which of its parts it is."""
    return {path: (row, i) for row in rows for i, path in enumerate(row.paths)}


def _layers(row: Row, shapes: Mapping[str, tuple]) -> Iterator[tuple[str, int | None]]:
    """The names that a row stands for."""
    if not _is_stack(row):
        yield row.name, None
        return
    for layer in range(shapes[row.paths[0]][0]):
        yield row.name.replace("{layer}", str(layer)), layer


def _check(rows: Sequence[Row], source: Source, shapes: Mapping[str, tuple]) -> None:
    """All that can be found wrong before memory is taken."""
    stacks = [shapes[row.paths[0]][0] for row in rows if _is_stack(row)]
    if max(stacks, default=0) > len(source.names):
        raise ValueError(
            f"{len(source.names)} arrays cannot make up {max(stacks)} layers"
        )
    wanted = {name: row for row in rows for name, _ in _layers(row, shapes)}
    _match("arrays", set(source.names), set(wanted))
    for name, row in wanted.items():
        ours = [shapes[path][_is_stack(row) :] for path in row.paths]
        if math.prod(source.names[name].shape) != sum(map(math.prod, ours)):
            raise ValueError(_unfit(name, source.names[name].shape, row.paths, ours))


def _unfit(name: str, shape: Any, paths: Any, ours: Any) -> str:
    theirs, ours = (str([*map(list, x)]).strip("[]") for x in ([shape], ours))
    return f"{name!r} is [{theirs}], and {', '.join(paths)} should be [{ours}]"


def _match(kind: str, found: set[str], wanted: set[str]) -> None:
    faults = []
    if missing := wanted - found:
        faults.append(f"missing {kind}: {summary(missing)}")
    if unknown := found - wanted:
        faults.append(f"unknown {kind}: {summary(unknown)}")
    if faults:
        raise ValueError("; ".join(faults))


def summary(names: Collection[str], *, most: int = 20) -> str:
    """Names in a line, those of many layers as one.

    Args:
        names: to list.
        most: how many are shown.

    Example:
        >>> summary(['h.0.a', 'h.1.a', 'b'])
        'b, h.*.a (2)'
    """
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "*", name), []).append(name)
    shown = [
        f"{kind} ({len(own)})" if len(own) > 1 else own[0]
        for kind, own in sorted(kinds.items())
    ]
    rest = [f"and {len(shown) - most} more kinds"] if len(shown) > most else []
    return ", ".join(shown[:most] + rest)


def _reader(row: Row, part: int, source: Source, path: str, shape: tuple, dtype: Any):
    """From an index into our leaf to a new array of those values."""

    def one(name: str) -> np.ndarray:
        theirs = source.get(name)
        ours = shape[_is_stack(row) :]
        try:
            x: Any = theirs
            for change in row.changes:
                x = change.read(x)
            x = x if len(row.paths) == 1 else x[part]
        except ValueError as error:
            raise ValueError(_unfit(name, theirs.shape, [path], [ours])) from error
        if x.shape != ours:
            raise ValueError(_unfit(name, theirs.shape, [path], [ours]))
        return x

    def read(index: tuple[slice, ...]) -> np.ndarray:
        size = tuple(
            len(range(*s.indices(n))) for s, n in zip(index, shape, strict=True)
        )
        if not _is_stack(row):
            return _own(one(row.name)[index], dtype)
        out = empty(size, dtype)
        for i, layer in enumerate(range(*index[0].indices(shape[0]))):
            out[i] = one(row.name.replace("{layer}", str(layer)))[index[1:]]
        return out

    return read


def _write(row: Row, own: Sequence[Any], layer: int) -> np.ndarray:
    parts = [np.asarray(x[layer] if _is_stack(row) else x) for x in own]
    x: Any = parts[0] if len(parts) == 1 else parts
    for change in reversed(row.changes):
        x = change.write(x)
    return x


def _put(read: Callable[[Any], np.ndarray], shape: tuple, sharding: Any) -> jax.Array:
    if sharding is None:
        return jax.device_put(read((slice(None),) * len(shape)))
    return jax.make_array_from_callback(shape, sharding, read)


def _own(x: np.ndarray, dtype: Any) -> np.ndarray:
    """The array itself where it was made for this alone, else a copy."""
    if x.dtype == dtype and x.flags.writeable and x.flags.c_contiguous:
        return x
    out = empty(x.shape, dtype)
    out[...] = x
    return out


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """New memory, aligned so that a device of the host takes it over without a copy.

    Args:
        shape: of the array.
        dtype: of its numbers.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)
