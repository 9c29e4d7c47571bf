"""An encoder-decoder of the T5 family, as one scan over the layers of each side."""

from collections.abc import Mapping, Sequence
from typing import Any

from jdistill.checks import one_of
from jdistill.models._described import described
from jdistill.models._sizes import float_type
from jdistill.models.transformers._attention import distances
from jdistill.models.transformers._batch import ids_of, order_of
from jdistill.models.transformers._encoder_decoder_block import (
    Across,
    Seen,
    block,
    embed,
    head,
    hidden_of,
    keys_of,
    logits_of,
)
from jdistill.models.transformers._encoder_decoder_config import EncoderDecoderConfig
from jdistill.models.transformers._encoder_decoder_decoding import decoding
from jdistill.models.transformers._encoder_decoder_source import WHAT, Encoded, encode
from jdistill.models.transformers._encoder_decoder_start import start
from jdistill.models.transformers._relative import bucket_table, relative_bias
from jdistill.models.transformers._stack import REMAT, from_fields, names_of, through
from jdistill.typing import Batch, Model, Outputs, Tree

TAPS = ("source_embed", "source_layers", "source_hidden", "embed", "layers")
"""Of either side what its first layer reads and what each layer gives, stacked, and
what the encoder gives behind its norm."""


@described
def encoder_decoder(
    config: EncoderDecoderConfig | Mapping[str, Any],
    *,
    dtype: str = "float32",
    remat: str = "none",
    taps: str | Sequence[str] = (),
) -> Model:
    r"""A transformer that reads a source and writes a text: T5 1.0, 1.1 and Flan.

    .. math::
        softmax(q k^T + b(i - j)) v

    Positions are distances in buckets, whose numbers b all layers of a side share; the
    encoder looks both ways. Norms are of the mean square, nothing has a bias.

    The batch holds `source`, ids `[batch, steps of the source]`, and `inputs`, the ids
    written so far `[batch, steps]`, of which the first is `config.start`; it may hold
    `source_mask` and `token_mask` (0 = padding). `label`, the id after each of
    `inputs`, and `label_mask` are as those of a decoder; `data.pairs` makes such
    batches.

    Args:
        config: sizes, or the fields of an `EncoderDecoderConfig` by name.
        dtype: type it computes in; statistics of norms, softmax and logits are in
            float32 at least.
        remat: what the backward pass computes again: 'none', 'full' (each layer, from
            its input) or 'dots' (all but the products with weights).
        taps: 'embed', what the decoder's first layer reads, and 'layers', what each
            gives, `[depth, batch, steps, dim]`; 'source_embed' and 'source_layers' of
            the encoder, and 'source_hidden', what it gives behind its norm.

    Returns:
        A model with `head` and with `decoding`, for generation from a cache. An id
        outside the vocabulary makes its row NaN.

    Raises:
        ValueError: a word or a number out of range; in use, a batch without `source`
            or `inputs`, or with several texts in a row.

    References:
        Raffel et al., arXiv:1910.10683; Shazeer, arXiv:2002.05202 (1.1); Chung et al.,
        arXiv:2210.11416 (Flan).

    Example:
        >>> import jax
        >>> config = EncoderDecoderConfig(vocab=50, dim=16, depth=2, heads=4,
        ...                               head_dim=4, mlp_dim=32)
        >>> model = encoder_decoder(config)
        >>> batch = {'source': jax.numpy.array([[7, 9, 3, 1]]),
        ...          'inputs': jax.numpy.array([[0, 8]])}
        >>> params, state = model.init(jax.random.key(0), batch)
        >>> model.apply(params, state, batch)[0].logits.shape
        (1, 2, 50)
    """
    config = from_fields(EncoderDecoderConfig, config)
    compute = float_type(dtype)
    one_of(tuple(REMAT), remat=remat)
    taps = names_of(taps, TAPS, WHAT)

    def init(key, batch: Batch) -> tuple[Tree, Tree]:
        del batch
        return start(key, config), {}

    def apply(params, state, batch, /, *, train=False, key=None):
        del train, key
        each = "source_layers" in taps
        read = encode(config, params, batch, compute, remat=remat, each=each)
        layer = _layer(config, params, batch, read, "layers" in taps)
        first = embed(params, ids_of(batch, WHAT), compute)
        x, kept = through(layer, first, params["decoder"]["layers"], remat=remat)
        hidden = hidden_of(config, params, x)
        found = (read.first, read.each, read.hidden, first, kept)
        between: dict[str, Any] = dict(zip(TAPS, found, strict=True))
        features = {name: between[name] for name in taps}
        return Outputs(logits_of(params, hidden), features, hidden), state

    name = f"encoder-decoder of {config.depth} layers, {config.dim} wide"
    go_on = decoding(config, compute)
    return Model(init, apply, head, go_on, words=config.words, name=name)


def _layer(config, params: Tree, batch: Batch, read: Encoded, each: bool) -> Any:
    """A layer of the decoder on the texts of a batch."""
    order = order_of(batch)
    behind = distances(order, order, None, None, batch.get("token_mask"))
    table = bucket_table(config.buckets, config.max_distance, both_ways=False)
    apart = order[:1, :, None] - order[:1, None, :]
    bias = relative_bias(params["decoder"]["position"]["embedding"], apart, table)
    own = Seen(behind >= 0, bias)

    def layer(x, params):
        across = Across(*keys_of(config, params["cross"], read.hidden), read.seen)
        x = block(config, params, x, own, lambda key, value: (key, value), across)
        return x, x if each else None

    return layer
