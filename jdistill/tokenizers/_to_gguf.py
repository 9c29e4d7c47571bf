"""The metadata of a GGUF file that describe a tokenizer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tokenizers

from jdistill.tokenizers._gguf import ENDS, ROLES, SPLITS, from_gguf
from jdistill.typing import Tokenizer

_NORMAL, _UNKNOWN, _CONTROL, _USER, _BYTE = 1, 2, 3, 4, 6
_SMALL = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": ["a"],
    "tokenizer.ggml.merges": [],
    "tokenizer.ggml.add_bos_token": False,
}
_CUTS = "The 3 fox's 1,024 jumps;  it'S \n\n\tnaïve — 你好 12345!? x**2  "


def to_gguf(tokenizer: Tokenizer) -> dict[str, Any]:
    """The metadata from which `from_gguf` makes the same tokenizer.

    Args:
        tokenizer: of byte pairs, either byte-level or with byte fallback.

    Returns:
        Values by key, all of `tokenizer.ggml`.

    Raises:
        ValueError: no metadata give the same tokenizer, or more ids end a text than
            there are keys for ('eos', 'eot', 'eom').

    Example:
        >>> made = from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': ['a b'],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'ab']})
        >>> to_gguf(made)['tokenizer.ggml.merges']
        ['a b']
    """
    if len(tokenizer.ends) > len(ENDS):
        raise ValueError(
            f"a GGUF file names {len(ENDS)} ids that end a text, and the tokenizer has "
            f"{len(tokenizer.ends)}: {list(tokenizer.ends)}; give it fewer with "
            "_replace(ends=(...))"
        )
    definition = json.loads(tokenizer.definition())
    if definition["model"].get("type") == "BPE":
        common = _common(tokenizer, definition)
        kind = _scored if definition["model"].get("byte_fallback") else _byte_level
        for own in kind(tokenizer, definition, common["token_type"]):
            metadata = {f"tokenizer.ggml.{k}": x for k, x in (common | own).items()}
            if from_gguf(metadata).fingerprint == tokenizer.fingerprint:
                return metadata
    raise ValueError(
        "no metadata of a GGUF file give a tokenizer that cuts text like this one "
        f"({definition['model'].get('type')})"
    )


def _common(tokenizer: Tokenizer, definition: Mapping[str, Any]) -> dict[str, Any]:
    added = {token["id"]: token for token in definition["added_tokens"]}
    by_id = {i: token for token, i in definition["model"]["vocab"].items()}
    by_id |= {i: token["content"] for i, token in added.items()}
    if sorted(by_id) != list(range(len(by_id))):
        raise ValueError("ids without a token have no place in a GGUF file")
    types = np.full(len(by_id), _NORMAL, np.int32)
    for i, token in added.items():
        types[i] = _CONTROL if token["special"] else _USER
    facts = {
        "tokens": [by_id[i] for i in range(len(by_id))],
        "token_type": types,
        "add_bos_token": tokenizer.begins,
    }
    for role, i in tokenizer.special.items():
        facts[f"{ROLES[role]}_token_id"] = i
    for key, i in zip(ENDS, tokenizer.ends, strict=False):
        facts[f"{key}_token_id"] = i
    return facts


def _byte_level(
    tokenizer: Tokenizer, definition: Mapping[str, Any], types: np.ndarray
) -> Iterator[dict[str, Any]]:
    """One for each known way to cut text that cuts like this one."""
    del types
    merges = [" ".join(pair) for pair in _merges(definition)]
    cuts = _cuts(tokenizer)
    for kind in SPLITS:
        probe = from_gguf(_SMALL | {"tokenizer.ggml.pre": kind})
        if _cuts(probe) == cuts:
            yield {"model": "gpt2", "pre": kind, "merges": merges}


def _scored(
    tokenizer: Tokenizer, definition: Mapping[str, Any], types: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Scores that fall with the order of the merges."""
    vocab, types = definition["model"]["vocab"], types.copy()
    for number in range(256):
        if (i := vocab.get(f"<0x{number:02X}>")) is not None:
            types[i] = _BYTE
    unknown = vocab.get(definition["model"].get("unk_token"))
    if unknown is not None and types[unknown] == _CONTROL:
        types[unknown] = _UNKNOWN
    order = list(dict.fromkeys(vocab["".join(pair)] for pair in _merges(definition)))
    scores = np.zeros(len(types), np.float32)
    scores[order] = -1 - np.arange(len(order), dtype=np.float32)
    yield {
        "model": "llama",
        "pre": "default",
        "token_type": types,
        "scores": scores,
        "add_space_prefix": tokenizer.prefix > 0,
    }


def _merges(definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The older spelling is a text with a space between the two."""
    pairs = (
        pair.split(" ", 1) if isinstance(pair, str) else pair
        for pair in definition["model"]["merges"]
    )
    return [(left, right) for left, right in pairs]


def _cuts(tokenizer: Tokenizer) -> list[tuple[int, int]]:
    inner = tokenizers.Tokenizer.from_str(tokenizer.definition())
    text = inner.normalizer.normalize_str(_CUTS) if inner.normalizer else _CUTS
    if inner.pre_tokenizer is None:
        return [(0, len(text))]
    return [at for _, at in inner.pre_tokenizer.pre_tokenize_str(text)]
