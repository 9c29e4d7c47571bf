"""Texts that experiments with language models read, by name."""

import hashlib
import os
import pathlib
import pydoc_data.topics
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

DATA = "JDISTILL_DATA"


class Text(NamedTuple):
    """Documents to choose and to learn from, those to test on, and which they are."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    edition: str


def text(name: str, *, characters: int | None = None) -> Text:
    """A text by its name, one of `TEXTS`.

    Args:
        name: of the text.
        characters: the most that is tested on, None for all; whole documents, and of
            the last as much as there is room for.

    Raises:
        ValueError: there is none of this name, or its files are not on this machine.

    Example:
        >>> found = text('topics', characters=2000)
        >>> sum(map(len, found.test)), 'topics' in found.edition
        (2000, True)
    """
    if name not in TEXTS:
        raise ValueError(f"text is {name!r}; valid: {', '.join(TEXTS)}")
    found = TEXTS[name]()
    return found._replace(test=_cut(found.test, characters))


def _cut(texts: tuple[str, ...], most: int | None) -> tuple[str, ...]:
    if most is None:
        return texts
    kept, room = [], most
    for one in texts:
        if room > 0:
            kept.append(one[:room])
            room -= len(kept[-1])
    return tuple(kept)


def _topics() -> Text:
    """Chapters of the language reference that every Python has; a fourth is tested."""
    chapters: Mapping[str, Any] = pydoc_data.topics.topics
    parts: dict[bool, list[str]] = {False: [], True: []}
    for name, chapter in sorted(chapters.items()):
        digest = hashlib.sha256(name.encode()).digest()
        parts[digest[0] < 64].append(chapter)
    version = ".".join(sys.version.split()[0].split(".")[:2])
    edition = f"topics of the reference of Python {version}"
    return Text(tuple(parts[False]), tuple(parts[True]), edition)


def _wikitext() -> Text:
    folder = _folder("raw/wikitext2")
    train, test = ((folder / f"{part}.txt").read_text() for part in ("train", "test"))
    return Text((train,), (test,), "WikiText-2, <unk> edition")


def _shakespeare() -> Text:
    """Tiny Shakespeare, its last twentieth for tests."""
    (path,) = sorted(_folder("tfds_manual/tiny_shakespeare").rglob("*.txt"))[:1]
    whole = path.read_text()
    at = int(0.95 * len(whole))
    return Text((whole[:at],), (whole[at:],), "tiny Shakespeare, the last twentieth")


def _folder(inside: str) -> pathlib.Path:
    root = os.environ.get(DATA)
    if not root or not (pathlib.Path(root) / inside).is_dir():
        raise ValueError(f"set {DATA} to the folder that has {inside}")
    return pathlib.Path(root) / inside


TEXTS: Mapping[str, Callable[[], Text]] = {
    "shakespeare": _shakespeare,
    "topics": _topics,
    "wikitext2": _wikitext,
}
