"""Rows on disk: one JSON object a line, each written once, whole or not at all."""

import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def open_rows(
    path: str | os.PathLike, identity: Sequence[str]
) -> Callable[[Row], bool]:
    """Opens a file of rows to append to, dropping a line that a kill cut off.

    Args:
        path: the file; it is made with its first row.
        identity: the keys that say which row this is; missing ones count as None.

    Returns:
        `append(row) -> bool`: writes the row and waits for the disk, then True; False,
        with nothing written, where a row of this identity is there already.

    Raises:
        ValueError: a line before the last is no row, or the file is a link.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + '/rows.jsonl'
        >>> append = open_rows(path, ('stage', 'fold'))
        >>> [append({'stage': 'teacher', 'fold': fold}) for fold in (0, 0, 1)]
        [True, False, True]
    """
    path = pathlib.Path(path)
    if path.is_symlink():
        raise ValueError(f"{path} is a link; rows are not written through links")
    there = {_key(row, identity) for row in _repair(path)}

    def append(row: Row) -> bool:
        line = json.dumps(_plain(row), allow_nan=False)
        key = _key(json.loads(line), identity)
        if key in there:
            return False
        with path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        there.add(key)
        return True

    return append


def read_rows(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The whole rows of a file; none where there is no file.

    Example:
        >>> read_rows('/nonexistent')
        []
    """
    return _parse(pathlib.Path(path))[0]


def _repair(path: pathlib.Path) -> list[dict[str, Any]]:
    rows, whole = _parse(path)
    if path.exists() and path.stat().st_size > whole:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
    return rows


def _parse(path: pathlib.Path) -> tuple[list[dict[str, Any]], int]:
    """The rows, and how many bytes of the file hold whole lines."""
    data = path.read_bytes() if path.exists() else b""
    whole = data.rfind(b"\n") + 1  # what follows the last line end was cut off
    rows = []
    for number, line in enumerate(data[:whole].split(b"\n")[:-1], 1):
        rows.append(_row(line, f"{path}, line {number}"))
    return rows, whole


def _row(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{place}, is not JSON: mend or delete that line") from None
    if not isinstance(row, dict):
        raise ValueError(f"{place}, is {row!r} and no row: mend or delete that line")
    return row


def _key(row: Row, identity: Sequence[str]) -> str:
    return json.dumps([row.get(key) for key in identity])


def _plain(value: Any) -> Any:
    """Values as JSON has them: arrays as lists, what is not finite as null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
