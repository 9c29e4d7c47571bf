"""Whether metadata of a tokenizer are of the types that its makers expect."""

from collections.abc import Mapping
from typing import Any

import numpy as np

NO_TOKENIZER = ("none", "no_vocab")
"""What stands in the place of a tokenizer's kind where there is none."""

_PREFIX = "tokenizer.ggml."
_TEXTS, _TEXT = ("tokens", "merges"), ("model", "pre")
_NUMBERS = {"scores": "f", "token_type": "iu"}


def check_tokenizer(metadata: Mapping[str, Any]) -> None:
    """Refuses texts where numbers belong, and the reverse.

    Args:
        metadata: by key.

    Raises:
        ValueError: names the key.

    Example:
        >>> check_tokenizer({'tokenizer.ggml.tokens': 7})
        Traceback (most recent call last):
        ValueError: 'tokenizer.ggml.tokens' must be a list of texts, it is 7
    """
    for key, value in metadata.items():
        if not key.startswith(_PREFIX):
            continue
        what = _fault(key.removeprefix(_PREFIX), value)
        if what:
            raise ValueError(f"{key!r} must be {what}, it is {str(value)[:60]}")


def _fault(name: str, value: Any) -> str:
    """What a value should be, where it is not."""
    if name in _TEXTS:
        return "" if isinstance(value, list) else "a list of texts"
    if name in _NUMBERS:
        kind = getattr(getattr(value, "dtype", None), "kind", " ")
        right = kind in _NUMBERS[name] and np.isfinite(value).all()
        return "" if right else "finite numbers"
    if name in _TEXT:
        return "" if isinstance(value, str) else "a text"
    if name.endswith("_token_id"):
        return "" if type(value) is int else "a whole number"
    return ""
