"""The `tokenizers` package: its faults in one line, its definitions in their bounds."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import tokenizers

A_TOKENIZER = "a Tokenizer (tokenizers.from_hf...)"
MOST_GROWTH = 1024
"""How many times longer the parts of a definition may make a text, all together."""
SPARE_IDS = 2**16
"""How much larger than four times the number of tokens an id may be."""


def parsed(definition: str) -> tokenizers.Tokenizer:
    """The package's object of the text of a `tokenizer.json`.

    Raises:
        ValueError: it is no such text, or a few bytes of it would take all memory.

    Example:
        >>> parsed('{}')
        Traceback (most recent call last):
        ValueError: this is no tokenizer.json: Model missing. at line 1 column 2
    """
    with asking("this is no tokenizer.json"):
        inner = tokenizers.Tokenizer.from_str(definition)
    check_bounds(inner)
    return inner


@contextlib.contextmanager
def asking(said: str) -> Iterator[None]:
    """Makes one line of what the package raises: bare exceptions, and its panics.

    Raises:
        ValueError: the package failed.

    Example:
        >>> with asking('it cannot be encoded'):
        ...     raise Exception('no such token')
        Traceback (most recent call last):
        ValueError: it cannot be encoded: no such token
    """
    try:
        yield
    except BaseException as error:  # a panic is no Exception
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"{said}: {' '.join(str(error).split())[:200]}") from error


def check_bounds(inner: tokenizers.Tokenizer) -> None:
    """Refuses ids far beyond the tokens that there are, and texts that grow.

    Ten replacements of one letter by ten fit in a kilobyte, and no memory holds what
    they make of a word.

    Raises:
        ValueError: names what is out of bounds.

    Example:
        >>> from tokenizers import models
        >>> check_bounds(tokenizers.Tokenizer(models.WordLevel({'a': 10**9}, 'a')))
        Traceback (most recent call last):
        ValueError: its token 'a' has the id 1000000000, and there are only 1 tokens
    """
    names = inner.get_vocab(with_added_tokens=True)
    last = max(names, key=names.__getitem__, default="")
    if names and names[last] > 4 * len(names) + SPARE_IDS:
        raise ValueError(
            f"its token {last[:40]!r} has the id {names[last]}, and there are only "
            f"{len(names)} tokens"
        )
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        part = getattr(inner, name)
        grown = 1 if part is None else _growth(json.loads(part.__getstate__()))
        if grown > MOST_GROWTH:
            raise ValueError(
                f"its {name} may make a text more than {MOST_GROWTH} times longer"
            )


def _growth(part: Any) -> int:
    """By how much a part of a definition, with all that is in it, lengthens a text."""
    if isinstance(part, list):
        return math.prod(map(_growth, part))
    if not isinstance(part, Mapping):
        return 1
    inner = [x for x in part.values() if isinstance(x, list)]
    match part:
        case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)}:
            return -(-max(len(new), 1) // max(len(old), 1))
        case {"type": "Replace", "content": str(new)}:  # it may stand between letters
            return len(new) + 1 if new else 1
        case {"type": "ByteLevel"}:
            return 2
        case {"type": "Precompiled"}:
            return 32
        case {"type": "TemplateProcessing"}:
            special = part.get("special_tokens", {}).values()
            longest = max([1, *(len(token["ids"]) for token in special)])
            return max(len(part["single"]), len(part["pair"]), 1) * longest
    return math.prod(map(_growth, inner))
