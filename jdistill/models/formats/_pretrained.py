"""What comes out of the files of others."""

import dataclasses
from typing import Any, NamedTuple

from jdistill import tokenizers
from jdistill.typing import Frozen, Model, Tokenizer


class Pretrained(NamedTuple):
    """A network with its weights and all that is needed to write it again.

    * `model`: pure functions, of parameters of any weights.
    * `frozen`: the parameters and the state that were read.
    * `config`: sizes and family, from which `model` was made: a `DecoderConfig`, an
      `EncoderConfig` or an `EncoderDecoderConfig`.
    * `tokenizer`: cuts text into its ids, None where the files hold none.
    """

    model: Model
    frozen: Frozen
    config: Any
    tokenizer: Tokenizer | None = None


def padded(config: Any, tokenizer: Tokenizer | None) -> Any:
    """The configuration, which knows how many rows of its embedding have an id.

    Args:
        config: as the network's files say it.
        tokenizer: None where there is none; then every row is taken for a word.

    Raises:
        ValueError: the tokenizer is that of another network.
    """
    if tokenizer is None:
        return config
    words = tokenizers.check_vocabulary(tokenizer, config.vocab)
    if words == config.vocab:
        return config
    return dataclasses.replace(config, words=words)


def unpadded(config: Any, tokenizer: Tokenizer | None) -> Any:
    """The configuration as files say it, where the tokenizer tells what is padding.

    Args:
        config: of a network.
        tokenizer: that is written beside it.

    Raises:
        ValueError: nothing that is written would say it.
    """
    words = config.words
    if words is None:
        return config
    plain = dataclasses.replace(config, words=None)
    found = padded(plain, tokenizer).words
    if found != words:
        raise ValueError(
            f"config.words is {words} of {config.vocab}, which only a tokenizer of as "
            f"many ids can say; here is {'none' if tokenizer is None else found}"
        )
    return plain
