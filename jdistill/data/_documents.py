"""Texts of files, read as they are needed."""

import json
import os
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from jdistill.words import check_path, check_text

_CHUNK = 2**20
_LONGEST = 16
_LINES = (".jsonl", ".ndjson")
_BETWEEN_WORDS = re.compile(r"[^\W\d_](?= [^\W\d_])")


class Part(NamedTuple):
    """A piece of a document; `inside` says that it goes on from the piece before."""

    text: str
    inside: bool = False


class Documents:
    """The documents of files, as often as one asks for them."""

    def __init__(self, files: tuple[pathlib.Path, ...], field: str):
        self._files = files
        self._field = field

    def __iter__(self) -> Iterator[Part]:
        for path in self._files:
            of_file = _lines if path.suffix.lower() in _LINES else _whole
            yield from of_file(path, self._field)


def documents(*paths: str | os.PathLike[str], field: str = "text") -> Documents:
    r"""The documents of files and folders, larger than memory if need be.

    A plain text file is one document. A file `.jsonl` or `.ndjson` has one on each
    line. A folder has those of its files and of the folders in it, in the order of
    their paths, without those whose name begins with a dot.

    Args:
        paths: files and folders.
        field: which entry of a line is the text.

    Returns:
        An iterable of `Part(text, inside)`; a long document is read in several.

    Raises:
        ValueError: there is no such file or a folder is empty; while reading, a file
            that is no text or a line that has none, with its number.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'a.jsonl'
        >>> _ = path.write_text('{"text": "one"}\n{"text": "two"}\n')
        >>> [part.text for part in documents(path)]
        ['one', 'two']
    """
    if not paths:
        raise ValueError("documents needs the path of a file or a folder")
    check_path(**{f"paths[{i}]": path for i, path in enumerate(paths)})
    check_text(field=field)
    return Documents(tuple(f for path in paths for f in _files(path)), field)


def parts(text: str, *, size: int = _CHUNK) -> Iterator[Part]:
    """A long text in pieces that are cut between two words.

    There every tokenizer cuts too, so the pieces have the ids of the whole. Only a text
    that has no two words side by side in 16 times the size is cut anywhere.

    Args:
        text: of one document.
        size: characters of a piece, or more where there is no place to cut.

    Example:
        >>> [part.text for part in parts('one two three', size=8)]
        ['one', ' two', ' three']
    """
    yield from _joined(
        (text[i : i + size] for i in range(0, len(text), size)), size=size
    )


def _joined(chunks: Iterator[str], *, size: int) -> Iterator[Part]:
    """Chunks of a document, cut anew between words."""
    waiting, inside = "", False
    for chunk in chunks:
        waiting += chunk
        cut = _last_cut(waiting) if len(waiting) > size // 2 else 0
        if not cut and len(waiting) >= _LONGEST * size:
            cut = len(waiting)
        if cut:
            yield Part(waiting[:cut], inside)
            waiting, inside = waiting[cut:], True
    if waiting or not inside:
        yield Part(waiting, inside)


def _last_cut(text: str) -> int:
    """Where the last word that has one before it begins, 0 where there is none."""
    for stop in range(len(text), 0, -1000):
        near = _BETWEEN_WORDS.finditer(text, max(0, stop - 1002), stop)
        found = [match.end() for match in near]
        if found:
            return found[-1]
    return 0


def _files(path) -> list[pathlib.Path]:
    path = pathlib.Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"no file or folder at {path}")
    found = sorted(
        p
        for p in path.rglob("*")
        if p.is_file() and not any(n[0] == "." for n in p.relative_to(path).parts)
    )
    if not found:
        raise ValueError(f"the folder {path} has no files")
    return found


def _whole(path: pathlib.Path, field: str) -> Iterator[Part]:
    del field
    with path.open(encoding="utf-8", newline="") as file:
        try:
            chunks = iter(lambda: file.read(_CHUNK), "")
            yield from _joined(chunks, size=_CHUNK)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no text in UTF-8: {error}") from error


def _lines(path: pathlib.Path, field: str) -> Iterator[Part]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield from parts(_entry(line, field, f"{path}, line {number}"))


def _entry(line: bytes, field: str, place: str) -> str:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place} is no JSON: {error}") from error
    if not isinstance(found, dict) or field not in found:
        there = sorted(found) if isinstance(found, dict) else type(found).__name__
        raise ValueError(f"{place} has no {field!r}; there are {there}")
    text = found[field]
    if not isinstance(text, str) or not text:
        raise ValueError(f"{place}: {field!r} must be a text, got {text!r}")
    return text
