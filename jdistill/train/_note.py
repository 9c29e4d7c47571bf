"""The note of a checkpoint: what it holds and of which run, under its own checksum."""

import json
import math
import pathlib
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from jdistill.words import plain


class Damaged(Exception):
    """A file that is not what was written, for certain."""


class Note(NamedTuple):
    """What is known of a checkpoint without reading its arrays.

    `score` where it was given one; `recipe` as `facts`; `forms` and `checksums` of the
    leaves by path.
    """

    score: float | None
    recipe: Mapping[str, str]
    forms: Mapping[str, str]
    checksums: Mapping[str, Any]


def written(note: Note) -> dict[str, Any]:
    """The note as JSON has it.

    Example:
        >>> sorted(written(Note(None, {}, {}, {})))
        ['checksum', 'checksums', 'forms', 'recipe', 'score']
    """
    return {**note._asdict(), "checksum": _own(note._asdict())}


def read(file: pathlib.Path) -> Note:
    """The note in a file.

    Raises:
        Damaged: it is gone, or it is not what was written.
        OSError: the file system does not give it.

    Example:
        >>> read(pathlib.Path('/nonexistent'))
        Traceback (most recent call last):
        jdistill.train._note.Damaged: its note is gone
    """
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Damaged("its note is gone") from None
    try:
        found = json.loads(data)
        checksum = found.pop("checksum")
        whole = checksum == _own(found)
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        raise Damaged("its note is not JSON") from None
    if not whole:
        raise Damaged("its note was altered")
    return Note(**found)


def _own(fields: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(fields, sort_keys=True).encode())


def facts(value: Any, path: str = "recipe") -> dict[str, str]:
    """A recipe as texts by path, to be compared and to say what differs.

    Example:
        >>> facts({'rate': 0.1, 'data': {'folds': (0, 1)}})
        {'recipe.rate': '0.1', 'recipe.data.folds': '[0, 1]'}
    """
    if isinstance(value, Mapping) and value:
        parts = [facts(item, f"{path}.{key}") for key, item in value.items()]
        return {at: text for part in parts for at, text in part.items()}
    return {path: json.dumps(value, sort_keys=True, default=plain)}


def difference(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """The first thing that is another there than here; '' where there is none.

    Example:
        >>> difference({'seed': '0'}, {'seed': '1'})
        "'seed' is 0 there and 1 here"
    """
    for path in [*here, *there]:
        one, other = (side.get(path, "nothing") for side in (there, here))
        if one != other:
            return f"{path!r} is {one} there and {other} here"
    return ""


def score_of(value: Any) -> float | None:
    """A score as a number; None for what is no number.

    Example:
        >>> score_of(1), score_of(float('nan')), score_of(None)
        (1.0, None, None)
    """
    number = math.nan if value is None else float(value)
    return None if math.isnan(number) else number
