"""What a packed file says of a decoder."""

from typing import Any

from jdistill import tokenizers
from jdistill.models import DecoderConfig
from jdistill.typing import Tokenizer


def describe(
    config: DecoderConfig, tokenizer: Tokenizer, *, dtype: str = "float32"
) -> dict[str, Any]:
    """The description with which `jdistill.load` makes a decoder of its file.

    `jd.pack(path, encoded, description=language.describe(config, tokenizer))`

    Args:
        config: of the decoder that was encoded.
        tokenizer: its vocabulary.
        dtype: what it computes in.

    Returns:
        Plain values, which JSON can hold.

    Raises:
        ValueError: the tokenizer is not that of the embedding.

    Example:
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'c']})
        >>> config = DecoderConfig(vocab=3, dim=4, depth=1, heads=1, kv_heads=1,
        ...                        head_dim=4, mlp_dim=8, max_steps=16)
        >>> sorted(describe(config, letters))
        ['model', 'tokenizer']
    """
    tokenizers.check_vocabulary(tokenizer, config.vocab)
    model = {"name": "decoder", "config": config.as_dict(), "dtype": dtype}
    return {"model": model, "tokenizer": tokenizers.describe(tokenizer)}
