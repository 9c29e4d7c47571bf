"""From texts to token ids by a tokenizer: one that is there, or one learned on them."""

from collections.abc import Callable, Sequence

import tokenizers as package

from jdistill import kinds, tokenizers
from jdistill.checks import whole
from jdistill.data._text import Tokens, padded, refuse_empty
from jdistill.typing import Batch, Tokenizer

NO_TEXT = "[PAD]"
"""The name of the id of padding, which no text has."""


def encoded(
    tokenizer: Tokenizer, *, max_length: int = 128
) -> Callable[[Sequence[str]], Tokens]:
    """Token ids of a tokenizer that is there already, such as that of a teacher.

    Padding has `token_mask` 0, and the id 0, whatever stands there. Nothing is put
    around a text, and names of control tokens in it are words.

    Args:
        tokenizer: such as `tokenizers.from_hf(folder)`.
        max_length: steps; more tokens are cut off.

    Returns:
        `texts -> Tokens`; the texts are not looked at.

    Raises:
        TypeError: it is no tokenizer.
        ValueError: the length is too small.

    Example:
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.tokens': ['a', 'b'],
        ...     'tokenizer.ggml.merges': []})
        >>> encoded(letters, max_length=4)(()).prepare(['bab'])['inputs']
        array([[1, 0, 1, 0]], dtype=int32)
    """
    kinds.instance(
        Tokenizer, "a Tokenizer (tokenizers.from_hf...)", {"tokenizer": tokenizer}
    )
    whole(max_length=max_length)

    def prepare(texts: Sequence[str]) -> Batch:
        refuse_empty(texts, "texts")
        return padded(tokenizer.encode_many(list(texts)), max_length)

    spec = {"name": "encoded", "max_length": max_length}
    info = {"prepare": spec, "vocab": tokenizer.vocab, "steps": max_length}
    return lambda texts: Tokens(prepare, info, tokenizer)


def bpe(
    *, vocab_size: int = 4096, max_length: int = 128
) -> Callable[[Sequence[str]], Tokens]:
    """Token ids of a byte-level byte-pair encoding learned on the given texts.

    Args:
        vocab_size: number of token ids with padding's, more than the 256 bytes; fewer
            come out where the texts are too short for so many.
        max_length: steps; more tokens are cut off.

    Returns:
        `texts -> Tokens`; give it texts of the training part only.

    Raises:
        ValueError: a size is too small.

    References:
        Sennrich et al., Neural machine translation of rare words with subword units,
        ACL 2016 (arXiv:1508.07909).

    Example:
        >>> tokens = bpe(vocab_size=300, max_length=6)(['red fox', 'red hen'])
        >>> tokens.prepare(['red'])['inputs'].shape
        (1, 6)
    """
    whole(vocab_size=vocab_size, least=257)  # 256 bytes and padding
    whole(max_length=max_length)
    spec = {"name": "bpe", "vocab_size": vocab_size, "max_length": max_length}

    def fit(texts: Sequence[str]) -> Tokens:
        learned = encoded(_learned(texts, vocab_size), max_length=max_length)(())
        return learned._replace(info={**learned.info, "prepare": spec})

    return fit


def _learned(texts: Sequence[str], vocab_size: int) -> Tokenizer:
    """A lower-casing byte-level tokenizer trained on texts."""
    inner = package.Tokenizer(package.models.BPE())
    inner.normalizer = package.normalizers.Lowercase()
    inner.pre_tokenizer = package.pre_tokenizers.ByteLevel()
    inner.decoder = package.decoders.ByteLevel()
    trainer = package.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[NO_TEXT],
        initial_alphabet=package.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    return tokenizers.from_json(inner.to_str(), special={"pad": NO_TEXT})
