"""A decoder of texts whose families are data, as one scan over its layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from jdistill.checks import one_of
from jdistill.models._described import described
from jdistill.models._sizes import float_type
from jdistill.models.transformers._attention import distances
from jdistill.models.transformers._batch import (
    fits,
    ids_of,
    order_of,
    position_of,
)
from jdistill.models.transformers._decoder_block import (
    Where,
    block,
    embed,
    head,
    layers_of,
    logits_of,
    norm,
)
from jdistill.models.transformers._decoder_config import DecoderConfig
from jdistill.models.transformers._decoder_start import start
from jdistill.models.transformers._decoding import decoding
from jdistill.models.transformers._stack import (
    REMAT,
    from_fields,
    names_of,
    through,
)
from jdistill.typing import Batch, Model, Outputs, Tree

TAPS = ("embed", "layers")
"""What the first layer reads, and what each layer gives, stacked."""


@described
def decoder(
    config: DecoderConfig | Mapping[str, Any],
    *,
    dtype: str = "float32",
    remat: str = "none",
    taps: str | Sequence[str] = (),
) -> Model:
    r"""A causal transformer: Llama, Mistral, Qwen, Gemma, GPT-2, OPT, NeoX by `config`.

    All layers are stacked along the first axis of their parameters and run in one
    scan, so a program does not grow with depth; what differs between layers (rotation,
    window) is an array over layers.

    The batch holds `inputs`, ids `[batch, steps]`, and may hold `token_mask` (0 =
    padding), `segment` (texts packed into a row see only themselves; 0 = padding) and
    `position`.

    Args:
        config: sizes and family, or the fields of a `DecoderConfig` by name.
        dtype: type it computes in; statistics of norms, rotations, softmax and logits
            are in float32 at least.
        remat: what the backward pass computes again: 'none', 'full' (each layer, from
            its input) or 'dots' (all but the products with weights).
        taps: 'embed', what the first layer reads, and 'layers', what each layer gives,
            `[depth, batch, steps, dim]`.

    Returns:
        A model with `head` and with `decoding`, for generation from a cache. An id
        outside the vocabulary makes its row NaN.

    Raises:
        ValueError: a word or a number out of range; in use, rows longer than
            `config.max_steps`.

    References:
        Vaswani et al., arXiv:1706.03762; Touvron et al., arXiv:2302.13971 (Llama);
        Gemma team, arXiv:2503.19786; Radford et al. 2019 (GPT-2); Zhang et al.,
        arXiv:2205.01068 (OPT); Biderman et al., arXiv:2304.01373 (Pythia).

    Example:
        >>> import jax
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64)
        >>> model = decoder(config)
        >>> batch = {'inputs': jax.numpy.array([[7, 9, 3]])}
        >>> params, state = model.init(jax.random.key(0), batch)
        >>> model.apply(params, state, batch)[0].logits.shape
        (1, 3, 50)
    """
    config = from_fields(DecoderConfig, config)
    compute = float_type(dtype)
    one_of(tuple(REMAT), remat=remat)
    taps = names_of(taps, TAPS, "a decoder")

    def init(key, batch: Batch) -> tuple[Tree, Tree]:
        del batch
        return start(key, config), {}

    def apply(params, state, batch, /, *, train=False, key=None):
        del train, key
        tokens, where = ids_of(batch, "a decoder"), _where(config, batch)

        def layer(x, own):
            x = block(config, own, x, where, lambda key, value: (key, value))
            return x, x if "layers" in taps else None

        first = embed(config, params, tokens, where.position, compute)
        x, each = through(layer, first, layers_of(config, params), remat=remat)
        hidden = norm(config, params["norm"], x)
        between = {"embed": first, "layers": each}
        features = {name: between[name] for name in taps}
        return Outputs(logits_of(config, params, hidden), features, hidden), state

    return Model(
        init,
        apply,
        lambda params: head(config, params),
        decoding(config, compute),
        config.logit_cap,
        config.words,
        name=f"decoder of {config.depth} layers, {config.dim} wide",
    )


def _where(config: DecoderConfig, batch: Batch) -> Where:
    fits(batch, config.max_steps)
    order = order_of(batch)
    segment = batch.get("segment")
    behind = distances(order, order, segment, segment, batch.get("token_mask"))
    return Where(position_of(batch), behind, causal=True)
