"""Which paths and texts a function accepts, said in one line where it does not.

Each check is given its values by name, `check_path(train=train)`.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def check_path(**values: Any) -> None:
    """Refuses what is no path, such as a number, which `open` takes for an open file.

    Raises:
        TypeError: names the value.
        ValueError: no system knows such a path.

    Example:
        >>> check_path(train=3)
        Traceback (most recent call last):
        TypeError: train must be the path of a file or a folder, got 3
    """
    for name, value in values.items():
        if not isinstance(value, str | os.PathLike):
            said = "the path of a file or a folder"
            raise TypeError(f"{name} must be {said}, got {_said(value)}")
        if "\0" in str(value):
            raise ValueError(f"{name} is no path: {str(value)!r} has a null character")


def check_text(**values: Any) -> None:
    """Refuses what is no text.

    Raises:
        TypeError: names the value.

    Example:
        >>> check_text(field=3)
        Traceback (most recent call last):
        TypeError: field must be a text, got 3
    """
    for name, value in values.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a text, got {_said(value)}")


def check_texts(**values: Any) -> None:
    """Refuses what are not several texts, such as one alone.

    Raises:
        TypeError: names the value, or the first that is no text.

    Example:
        >>> check_texts(classes='ab')
        Traceback (most recent call last):
        TypeError: classes must be several texts, got 'ab': ['ab'] is one of them
    """
    for name, value in values.items():
        if isinstance(value, str):
            more = f"{value!r}: [{value!r}] is one of them"
            raise TypeError(f"{name} must be several texts, got {more}")
        if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
            raise TypeError(f"{name} must be several texts, got {_said(value)}")
        for number, one in enumerate(value):
            check_text(**{f"{name}[{number}]": one})


def visible(text: Any) -> str:
    r"""A text as it is shown: what would steer a terminal or turn a page round is �.

    These are control characters, as escape and backspace, marks of direction, and half
    characters; tabs and ends of lines stay.

    Args:
        text: of any origin, as a name in a file.

    Returns:
        A text of as many characters.

    Example:
        >>> visible('student \x1b[2J'), visible('Größe 3\n')
        ('student �[2J', 'Größe 3\n')
    """
    return "".join("\ufffd" if _steers(c) else c for c in str(text))


def _steers(c: str) -> bool:
    if c in "\t\n\u200c\u200d":  # joiners, of which letters and pictures are made
        return False
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def plain(value: Any) -> Any:
    """What JSON does not know, as it does and as every process writes it.

    For `json.dumps(..., default=plain)`: numbers of arrays are all written, sets in
    order, functions and classes by name, and no text has an address of memory.

    Example:
        >>> plain({'b', 'a'}), plain(plain)
        (["'a'", "'b'"], 'jdistill.words.plain')
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return f"{getattr(value, '__module__', '')}.{name}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))


def _said(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text.splitlines()[0][:200] if text else repr(value)
