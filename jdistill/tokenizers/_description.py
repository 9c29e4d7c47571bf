"""A tokenizer inside a description that JSON holds."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

from jdistill.tokenizers._tokenizer import from_json
from jdistill.typing import Tokenizer

MAX_BYTES = 2**26
"""The longest definition that is read: Gemma's vocabulary of 262,144 takes 33 MB."""


def describe(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer as plain values, its definition compressed.

    Args:
        tokenizer: what to describe.

    Returns:
        What `from_description` reads and JSON can hold.

    Example:
        >>> import json
        >>> words = {'model': {'type': 'WordLevel', 'vocab': {'a': 0, '?': 1},
        ...                    'unk_token': '?'}, 'version': '1.0'}
        >>> says = describe(from_json(json.dumps(words)))
        >>> sorted(says), from_description(says).vocab
        (['begins', 'definition', 'ends', 'special'], 2)
    """
    squeezed = zlib.compress(tokenizer.definition().encode("utf-8"), 9)
    return {
        "definition": base64.b85encode(squeezed).decode("ascii"),
        "special": dict(tokenizer.special),
        "begins": tokenizer.begins,
        "ends": list(tokenizer.ends),
    }


def from_description(says: Any) -> Tokenizer:
    """The tokenizer that a description holds, which is not believed.

    Args:
        says: what `describe` gave.

    Returns:
        The tokenizer.

    Raises:
        ValueError: it is no such description, or it unfolds to more than 64 MiB.

    Example:
        >>> from_description({'definition': '?'})
        Traceback (most recent call last):
        ValueError: its tokenizer is no description: its keys are ['definition']
    """
    keys = {"begins", "definition", "ends", "special"}
    if not isinstance(says, Mapping) or set(says) != keys:
        found = sorted(map(str, says)) if isinstance(says, Mapping) else says
        raise ValueError(
            f"its tokenizer is no description: its keys are {str(found)[:80]}"
        )
    text, special, begins = says["definition"], says["special"], says["begins"]
    whole = isinstance(special, Mapping) and all(
        type(number) is int for number in special.values()
    )
    ends: list[Any] = says["ends"] if isinstance(says["ends"], list) else [None]
    whole = whole and all(type(number) is int for number in ends)
    if not isinstance(text, str) or not whole or not isinstance(begins, bool):
        raise ValueError("its tokenizer is no description: a part has another type")
    special = {"bos": None, "eos": None, **special}
    return from_json(_unfolded(text), special=special, begins=begins, ends=ends)


def _unfolded(text: str) -> str:
    try:
        open_end = zlib.decompressobj()
        plain = open_end.decompress(base64.b85decode(text), MAX_BYTES)
        if open_end.unconsumed_tail or not open_end.eof:
            raise ValueError("its tokenizer is cut off, or unfolds to too much")
        return plain.decode("utf-8")
    except (binascii.Error, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"its tokenizer is damaged: {error}") from error
