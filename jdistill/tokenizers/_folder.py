"""Tokenizers of Hugging Face folders, read and written."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers

from jdistill.files import replacing
from jdistill.tokenizers._tokenizer import ROLES, from_inner, from_json
from jdistill.typing import Tokenizer

_WHOLE = "tokenizer.json"
_SETTINGS = "tokenizer_config.json"
_SPECIAL = "special_tokens_map.json"
_NETWORK = ("generation_config.json", "config.json")
"""What says which ids end a text, the first that does so."""


def from_hf(folder: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer of a Hugging Face folder, or of a `tokenizer.json` alone.

    The folder's `tokenizer_config.json` and `special_tokens_map.json` name the special
    tokens, and whether a text begins with one. Which ids end a text, besides 'eos', is
    what its `generation_config.json` says, or else the network's `config.json`. A
    special token that the vocabulary does not have is none.

    Args:
        folder: with `tokenizer.json`, or that file itself.

    Returns:
        The tokenizer.

    Raises:
        ValueError: there is no `tokenizer.json`, or a file is not what it should be.

    References:
        Hugging Face, Tokenizers, https://huggingface.co/docs/tokenizers.

    Example:
        >>> from_hf('/nowhere')
        Traceback (most recent call last):
        ValueError: no tokenizer.json at /nowhere
    """
    path = pathlib.Path(folder)
    whole = path / _WHOLE if path.is_dir() else path
    if not whole.is_file():
        there = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
        listed = f"; there are {there}" if there else ""
        raise ValueError(f"no {_WHOLE} at {folder}{listed}")
    if not path.is_dir():
        return _named(whole, lambda: from_json(_read(whole)))
    settings = _settings(path / _SETTINGS)
    named = {**settings, **_settings(path / _SPECIAL)}
    ends = _ends(path)
    return _named(whole, lambda: _folder(_read(whole), named, settings, ends))


def to_hf(tokenizer: Tokenizer, folder: str | os.PathLike[str]) -> None:
    """Writes a tokenizer so that `from_hf` and transformers read it.

    Args:
        tokenizer: what to write.
        folder: where `tokenizer.json`, `tokenizer_config.json` and
            `special_tokens_map.json` go; it is made where it is missing.

    Returns:
        None. Which ids end a text besides 'eos' stands in files of the network:
        `models.to_hf` writes both.

    Example:
        >>> import tempfile
        >>> from jdistill.tokenizers import from_gguf
        >>> made = from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': ['a b'],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'ab']})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     to_hf(made, folder)
        ...     from_hf(folder).fingerprint == made.fingerprint
        True
    """
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    special = {
        f"{role}_token": tokenizer.bytes_of([number]).decode("utf-8", "replace")
        for role, number in tokenizer.special.items()
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": tokenizer.begins,
        "clean_up_tokenization_spaces": False,
        **{f"{role}_token": None for role in ROLES},
        **special,
    }
    _write(path / _WHOLE, tokenizer.definition())
    _write(path / _SETTINGS, json.dumps(settings, indent=2))
    _write(path / _SPECIAL, json.dumps(special, indent=2))


def _folder(
    definition: str,
    named: Mapping[str, Any],
    settings: Mapping[str, Any],
    ends: Sequence[int],
) -> Tokenizer:
    inner = tokenizers.Tokenizer.from_str(definition)
    special = {
        role: _token(named[f"{role}_token"])
        for role in ROLES
        if f"{role}_token" in named
    }
    known = {
        role: token
        for role, token in special.items()
        if token is None or inner.token_to_id(token) is not None
    }
    begins = settings.get("add_bos_token")
    if begins is not None and not isinstance(begins, bool):
        raise ValueError(f"add_bos_token must be true or false, got {begins!r}")
    there = [number for number in ends if inner.id_to_token(number) is not None]
    return from_inner(inner, special=known, begins=begins, ends=there)


def _ends(folder: pathlib.Path) -> list[int]:
    """The ids that end a text: one, several or none, as the network's files say."""
    for name in _NETWORK:
        found = _settings(folder / name).get("eos_token_id")
        several: list[Any] = found if isinstance(found, list) else [found]
        if found is not None:
            if not several or any(type(x) is not int or x < 0 for x in several):
                raise ValueError(
                    f"{folder / name}: eos_token_id must be an id or several, got "
                    f"{str(found)[:60]}"
                )
            return several
    return []


def _token(value: Any) -> str | None:
    """A special token as files write it: a text, or an object with its content."""
    if isinstance(value, Mapping):
        value = value.get("content")
    if value is not None and not isinstance(value, str):
        raise ValueError(f"a special token must be a text, got {value!r}")
    return value


def _settings(path: pathlib.Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(_read(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no object")
    return found


def _read(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: pathlib.Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def _named(path, make):
    """A fault of the file, with its path; the package raises its bare base class."""
    try:
        return make()
    except Exception as error:
        raise ValueError(f"{path}: {error}") from error
