"""The encoder: what the source of a text becomes."""

from typing import Any, NamedTuple

from jdistill.models.transformers._attention import seen
from jdistill.models.transformers._batch import ids_of, order_of
from jdistill.models.transformers._encoder_decoder_block import (
    Seen,
    block,
    embed,
    norm,
)
from jdistill.models.transformers._encoder_decoder_config import EncoderDecoderConfig
from jdistill.models.transformers._relative import bucket_table, relative_bias
from jdistill.models.transformers._stack import through
from jdistill.typing import Array, Batch, Tree

WHAT = "an encoder-decoder"


class Encoded(NamedTuple):
    """Of a source: what the encoder gives, which tokens are real, and its layers.

    * `hidden`: `[batch, steps of the source, dim]`.
    * `seen`: what the decoder sees of it.
    * `first`: what the first layer reads. `each`: what each layer gives, or None.
    """

    hidden: Array
    seen: Seen
    first: Array
    each: Any


def encode(
    config: EncoderDecoderConfig,
    params: Tree,
    batch: Batch,
    dtype: Any,
    *,
    remat: str = "none",
    each: bool = False,
) -> Encoded:
    """Reads the source of a batch.

    Args:
        config: sizes.
        params: those of the whole network.
        batch: with `source` and perhaps `source_mask`.
        dtype: type it computes in.
        remat: as of `encoder_decoder`.
        each: whether what each layer gives is kept.

    Raises:
        ValueError: there is no source, or no text that it is the source of.
    """
    source = _source(batch)
    tokens, texts = ids_of(source, WHAT), ids_of(batch, WHAT)
    if len(tokens) != len(texts):
        raise ValueError(f"{len(tokens)} sources are not those of {len(texts)} texts")
    order = order_of(source)[:1]
    mask = seen(None, None, source.get("token_mask"))
    table = bucket_table(config.buckets, config.max_distance, both_ways=True)
    behind = order[:, :, None] - order[:, None, :]
    bias = relative_bias(params["encoder"]["position"]["embedding"], behind, table)

    def layer(x: Array, own: Tree) -> tuple[Array, Any]:
        x = block(config, own, x, Seen(mask, bias), lambda key, value: (key, value))
        return x, x if each else None

    first = embed(params, tokens, dtype)
    x, kept = through(layer, first, params["encoder"]["layers"], remat=remat)
    hidden = norm(config, params["encoder"]["norm"], x)
    return Encoded(hidden, Seen(mask), first, kept)


def _source(batch: Batch) -> Batch:
    """The source as a batch of its own."""
    for name, what in (("source", "what it reads"), ("inputs", "what it has written")):
        if batch.get(name) is None:
            raise ValueError(
                f"{WHAT} needs {name!r} in its batch, the ids of {what}; there are "
                f"{sorted(batch)}"
            )
    packed = [name for name in ("segment", "position") if batch.get(name) is not None]
    if packed:
        raise ValueError(f"{WHAT} reads one text a row, and no {packed[0]!r}")
    return {"inputs": batch["source"], "token_mask": batch.get("source_mask")}
