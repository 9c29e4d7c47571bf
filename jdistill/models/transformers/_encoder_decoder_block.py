"""One layer of an encoder-decoder, and what lies around the layers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from jdistill.models.transformers._attention import attend
from jdistill.models.transformers._cache import Keep
from jdistill.models.transformers._encoder_decoder_config import EncoderDecoderConfig
from jdistill.models.transformers._layers import (
    dense,
    lookup,
    network,
    rms_norm,
    wide_product,
)
from jdistill.typing import Array, Tree


class Seen(NamedTuple):
    """What queries look at.

    * `mask`: `[batch, steps or 1, keys]`, True where a key is seen; None for all.
    * `bias`: added to the scores, `[batch or 1, heads, steps, keys]`; None for nothing.
    """

    mask: Any
    bias: Any = None


class Across(NamedTuple):
    """Keys and values of the source, and which of them are no padding."""

    key: Array
    value: Array
    seen: Seen


def block(
    config: EncoderDecoderConfig,
    params: Tree,
    x: Array,
    seen: Seen,
    keep: Keep,
    across: Across | None = None,
) -> Array:
    """A layer: attention, perhaps attention to the source, a network; norms before.

    Args:
        config: sizes.
        params: of the layer, without the axis of layers.
        x: `[batch, steps, dim]`.
        seen: which tokens of its own side each one sees.
        keep: takes the keys and values of these tokens, gives those to look at.
        across: what a layer of the decoder looks at.
    """
    y = norm(config, params["attention_norm"], x)
    key, value = keep(*keys_of(config, params["attention"], y))
    x = x + _look(config, params["attention"], y, key, value, seen)
    if across is not None:
        y = norm(config, params["cross_norm"], x)
        x = x + _look(config, params["cross"], y, *across)
    y = norm(config, params["mlp_norm"], x)
    return x + network(params["mlp"], y, activation=config.activation)


def keys_of(
    config: EncoderDecoderConfig, params: Tree, x: Array
) -> tuple[Array, Array]:
    """Keys and values of tokens, `[batch, steps, heads, head_dim]`.

    Args:
        config: sizes.
        params: of an attention.
        x: `[batch, steps, dim]`.
    """
    return _heads(config, params["key"], x), _heads(config, params["value"], x)


def embed(params: Tree, tokens: Any, dtype: Any) -> Array:
    """Tokens as vectors; NaN for ids that are not there.

    Args:
        params: those of the whole network.
        tokens: ids `[batch, steps]`.
        dtype: type of the vectors.
    """
    return lookup(params["embed"]["embedding"], tokens, dtype)


def norm(config: EncoderDecoderConfig, params: Mapping[str, Any], x: Array) -> Array:
    """The norm along the last axis.

    Args:
        config: sizes.
        params: `scale`.
        x: `[..., dim]`.
    """
    return rms_norm(x, params["scale"], eps=config.norm_eps)


def hidden_of(config: EncoderDecoderConfig, params: Tree, x: Array) -> Array:
    """What the head makes logits of, from what the decoder's last layer gives.

    Args:
        config: sizes.
        params: those of the whole network.
        x: `[..., dim]`.
    """
    hidden = norm(config, params["decoder"]["norm"], x)
    return hidden * config.dim**-0.5 if config.scaled else hidden


def head(params: Tree) -> Any:
    """The matrix `[dim, vocab]`; the embedding's transpose where there is no other.

    Args:
        params: those of the whole network.
    """
    if "head" in params:
        return params["head"]["kernel"]
    return params["embed"]["embedding"].T


def logits_of(params: Tree, hidden: Array) -> Array:
    """Logits of hidden states `[..., dim]`, in float32 at least.

    Args:
        params: those of the whole network.
        hidden: `[..., dim]`.
    """
    return wide_product(hidden, head(params))


def _look(config, params: Tree, x: Array, key: Array, value: Array, seen: Seen):
    query = _heads(config, params["query"], x)
    mixed = attend(query, key, value, mask=seen.mask, scale=1.0, bias=seen.bias)
    return dense(params["out"], jax.lax.collapse(mixed, 2))


def _heads(config: EncoderDecoderConfig, params: Tree, x: Array) -> Array:
    return dense(params, x).reshape(*x.shape[:2], config.heads, config.head_dim)
