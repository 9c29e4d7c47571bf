"""What comes out of the files of others."""

from typing import Any, NamedTuple

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
