"""Tokenizers from the metadata of a GGUF file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from jdistill.tokenizers._scores import scored
from jdistill.tokenizers._tokenizer import from_inner
from jdistill.typing import Tokenizer

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED = 1, 2, 3, 4, 5
"""Types of tokens as GGUF numbers them."""

_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_GPT2 = rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)"
_LLAMA3 = (
    rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+ENDING"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*ENDING"
    r"|NUMBER| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_GPT4O = _CASED.replace("ENDING", rf"(?i:{_CONTRACTIONS})?").replace(
    "NUMBER", r"\p{N}{1,3}"
)
_TEKKEN = _CASED.replace("ENDING", "").replace("NUMBER", r"\p{N}")
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")

SPLITS: Mapping[str, tuple[str, ...]] = (
    dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe"), (_GPT2,))
    | dict.fromkeys(
        ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"),
        (r"\p{N}", _GPT2),
    )
    | dict.fromkeys(
        ("llama-bpe", "llama3", "llama-v3", "falcon3", "dbrx", "smaug-bpe"), (_LLAMA3,)
    )
    | dict.fromkeys(("qwen2", "stablelm2", "megrez"), (_QWEN2,))
    | {"gpt-4o": (_GPT4O,), "tekken": (_TEKKEN,), "default": _DEFAULT}
)
"""Where text is cut before pairs are joined, by the word in `tokenizer.ggml.pre`."""

_WHOLE_FIRST = ("llama-bpe", "llama3", "llama-v3", "falcon3", "tekken")
"""Kinds that take a word which is a token as it is, whatever its pairs are."""

_BEGIN = ("llama-bpe", "llama3", "llama-v3", "falcon3", "tekken")
"""Kinds that begin with 'bos' where the file says nothing of it."""

ROLES = {
    "bos": "bos",
    "eos": "eos",
    "pad": "padding",
    "unk": "unknown",
    "cls": "cls",
    "sep": "seperator",  # so it is spelt in the format
    "mask": "mask",
}
"""Special tokens by their names here, and by those in the format."""

ENDS = ("eos", "eot", "eom")
"""What may end a text: it as a whole, a turn of a chat, a message."""


def from_gguf(metadata: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that the metadata of a GGUF file describe.

    Args:
        metadata: values by key, those of `tokenizer.ggml.*` among them; arrays are
            sequences. Its model is 'gpt2', byte-level pairs with merges, or 'llama',
            SentencePiece's pairs with scores.

    Returns:
        The tokenizer.

    Raises:
        ValueError: a key is missing, arrays differ in length, or the model or the way
            of cutting text is not known; the message lists those that are.

    References:
        Gerganov et al., GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

    Example:
        >>> made = from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': ['a b'],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'ab']})
        >>> made.encode('abb')
        array([2, 1], dtype=int32)
    """
    facts = _Facts(metadata)
    kinds = {"gpt2": _byte_pairs, "llama": _score_pairs}
    kind = facts.needed("model")
    if kind not in kinds:
        raise ValueError(
            f"tokenizer.ggml.model is {kind!r}; those that are read are {sorted(kinds)}"
        )
    tokens = [_text(token) for token in facts.needed("tokens")]
    _refuse_twins(tokens)
    types = facts.array("token_type", len(tokens)) or [_NORMAL] * len(tokens)
    facts, tokens, types = _used(facts, tokens, types)
    inner, begins = kinds[kind](facts, tokens, types)
    _add(inner, tokens, types)
    begins = bool(facts.get("add_bos_token", begins))
    special = {
        role: facts.get(f"{key}_token_id")
        for role, key in ROLES.items()
        if facts.get(f"{key}_token_id") is not None
    }
    ends = [facts.get(f"{key}_token_id") for key in ENDS]
    return from_inner(
        inner,
        special={"bos": None, **special},
        begins=begins,
        ends=[number for number in ends if number is not None],
    )


def _used(facts, tokens, types):
    """All but unused tokens at the end, which stand for rows that pad an embedding."""
    size = len(types)
    while size > 1 and types[size - 1] == _UNUSED:
        size -= 1
    if size == len(types):
        return facts, tokens, types
    scores = facts.array("scores", len(tokens))
    cut = facts if scores is None else facts.having(scores=scores[:size])
    return cut, tokens[:size], types[:size]


def _refuse_twins(tokens) -> None:
    seen: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if seen.setdefault(token, i) != i:
            raise ValueError(
                f"tokenizer.ggml.tokens: {token!r} is both id {seen[token]} and id {i}"
            )


class _Facts:
    """The metadata without their prefix."""

    def __init__(self, metadata: Mapping[str, Any]):
        self._metadata = metadata

    def having(self, **more: Any) -> "_Facts":
        ours = {f"tokenizer.ggml.{key}": value for key, value in more.items()}
        return _Facts({**self._metadata, **ours})

    def get(self, key: str, default: Any = None) -> Any:
        return self._metadata.get(f"tokenizer.ggml.{key}", default)

    def needed(self, key: str) -> Any:
        found = self.get(key)
        if found is None:
            raise ValueError(f"the metadata have no 'tokenizer.ggml.{key}'")
        return found

    def array(self, key: str, length: int) -> list[Any] | None:
        found = self.get(key)
        if found is not None and len(found) != length:
            raise ValueError(
                f"tokenizer.ggml.{key} has {len(found)} values for {length} tokens"
            )
        return None if found is None else np.asarray(found).tolist()


def _byte_pairs(facts, tokens, types) -> tuple[tokenizers.Tokenizer, bool]:
    del types
    kind = facts.get("pre", "default")
    if kind not in SPLITS:
        raise ValueError(
            f"tokenizer.ggml.pre is {kind!r}; those that are known are {sorted(SPLITS)}"
        )
    vocab = {token: i for i, token in enumerate(tokens)}
    merges = [_merge(i, _text(m), vocab) for i, m in enumerate(facts.needed("merges"))]
    made = tokenizers.Tokenizer(
        models.BPE(vocab, merges, ignore_merges=kind in _WHOLE_FIRST)
    )
    if kind == "qwen2":
        made.normalizer = normalizers.NFC()
    cuts = [
        pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
        for pattern in SPLITS[kind]
    ]
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([*cuts, bytewise])
    made.decoder = decoders.ByteLevel()
    return made, kind in _BEGIN


def _merge(number, merge, vocab) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    if not {left, right, left + right} <= vocab.keys():
        raise ValueError(
            f"tokenizer.ggml.merges: merge {number}, {merge!r}, is not two tokens that "
            "make a third"
        )
    return left, right


def _score_pairs(facts, tokens, types) -> tuple[tokenizers.Tokenizer, bool]:
    scores = facts.array("scores", len(tokens))
    if scores is None:
        raise ValueError("the metadata have no 'tokenizer.ggml.scores'")
    unknown = facts.get("unknown_token_id", 0)
    made = scored(
        tokens,
        scores,
        joined={i for i, kind in enumerate(types) if kind == _NORMAL},
        unknown=tokens[unknown] if 0 <= unknown < len(tokens) else None,
        space_prefix=bool(facts.get("add_space_prefix", True)),
    )
    return made, True


def _add(inner, tokens, types) -> None:
    """Tells tokens that are found before all others: control, and those of users."""
    special = {_UNKNOWN: True, _CONTROL: True, _USER: False}
    inner.add_tokens(
        [
            tokenizers.AddedToken(token, special=special[kind], normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind in special
        ]
    )


def _text(token: Any) -> str:
    return token.decode("utf-8") if isinstance(token, bytes) else str(token)
