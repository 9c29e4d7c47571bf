"""Tokenizers of llama2.c's binary files."""

import os
import pathlib
import struct

from jdistill.tokenizers._gguf import from_gguf
from jdistill.tokenizers._pieces import SPACE
from jdistill.typing import Tokenizer

_HEADER, _ENTRY = struct.Struct("<i"), struct.Struct("<fi")
_UNKNOWN, _BOS, _EOS, _BYTES = 0, 1, 2, range(3, 259)
_TYPES = {"normal": 1, "unknown": 2, "control": 3, "byte": 6}


def from_llama2c(path: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer of a llama2.c file, such as `tokenizer.bin`.

    The file holds the length of the longest token, then a score and a token for each
    id: 0 unknown, 1 'bos', 2 'eos', 3 to 258 the bytes, then SentencePiece's pieces.

    Args:
        path: of the file.

    Returns:
        The tokenizer; every window begins with 'bos'.

    Raises:
        ValueError: the file is cut off or is something else.

    References:
        Karpathy, llama2.c, https://github.com/karpathy/llama2.c.

    Example:
        >>> from_llama2c('/nowhere.bin')
        Traceback (most recent call last):
        ValueError: no file at /nowhere.bin
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"no file at {path}")
    scores, tokens = _entries(pathlib.Path(path).read_bytes(), path)
    if len(tokens) <= _BYTES.stop:
        raise ValueError(
            f"{path} holds {len(tokens)} tokens, not 3 special ones, 256 bytes and more"
        )
    types = [_TYPES["normal"]] * len(tokens)
    types[_UNKNOWN], types[_BOS : _EOS + 1] = _TYPES["unknown"], [_TYPES["control"]] * 2
    for number in _BYTES:
        types[number] = _TYPES["byte"]
        tokens[number] = f"<0x{number - _BYTES.start:02X}>"
    tokens[: _EOS + 1] = ["<unk>", "<s>", "</s>"]
    facts = {
        "model": "llama",
        "tokens": [*tokens[: _BYTES.stop], *_marked(tokens[_BYTES.stop :])],
        "scores": scores,
        "token_type": types,
        "bos_token_id": _BOS,
        "eos_token_id": _EOS,
        "unknown_token_id": _UNKNOWN,
    }
    return from_gguf({f"tokenizer.ggml.{key}": value for key, value in facts.items()})


def _marked(tokens: list[str]) -> list[str]:
    return [token.replace(" ", SPACE) for token in tokens]


def _entries(raw: bytes, path) -> tuple[list[float], list[str]]:
    scores, tokens = [], []
    at, longest = _HEADER.size, _longest(raw, path)
    while at < len(raw):
        if at + _ENTRY.size > len(raw):
            raise ValueError(f"{path} ends within token {len(tokens)}")
        score, length = _ENTRY.unpack_from(raw, at)
        at += _ENTRY.size
        if not 0 <= length <= longest or at + length > len(raw):
            raise ValueError(
                f"{path}: token {len(tokens)} is {length} bytes long, of at most "
                f"{longest} and {len(raw) - at} that are left"
            )
        scores.append(score)
        tokens.append(raw[at : at + length].decode("utf-8", "replace"))
        at += length
    return scores, tokens


def _longest(raw: bytes, path) -> int:
    if len(raw) < _HEADER.size:
        raise ValueError(f"{path} is cut off: it has {len(raw)} bytes")
    return _HEADER.unpack_from(raw)[0]
