"""One layer of a decoder, and what lies before the first and behind the last."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.models.transformers._attention import attend, rotate
from jdistill.models.transformers._cache import Keep
from jdistill.models.transformers._decoder_config import DecoderConfig
from jdistill.models.transformers._layers import (
    dense,
    layer_norm,
    lookup,
    network,
    rms_norm,
    wide_product,
)
from jdistill.typing import Array, Tree


class Where(NamedTuple):
    """Of the tokens of a call: their positions, and how far keys lie behind them.

    * `position`: `[batch, steps]`.
    * `behind`: `[batch, steps, keys]`, negative where a key is not seen.
    * `causal`: whether keys stand where their tokens do, the later ones unseen.
    """

    position: Array
    behind: Array
    causal: bool = False


class Layer(NamedTuple):
    """A layer's parameters, and what is its own beside them."""

    params: Tree
    frequency: Array
    window: Array


def layers_of(config: DecoderConfig, params: Tree) -> Layer:
    """All layers, stacked along the first axis of each array.

    Args:
        config: sizes and family.
        params: those of the whole decoder.
    """
    frequency = jnp.asarray(config.frequencies())
    return Layer(params["layers"], frequency, jnp.asarray(config.window, jnp.int32))


def embed(config: DecoderConfig, params: Tree, tokens, position, dtype) -> Array:
    """Tokens and learned positions as vectors; NaN for ids that are not there.

    Args:
        config: sizes and family.
        params: those of the whole decoder.
        tokens: ids `[batch, steps]`.
        position: `[batch, steps]`.
        dtype: type of the vectors.
    """
    x = lookup(params["embed"]["embedding"], tokens, dtype)
    x = x * jnp.asarray(config.embed_scale, dtype)
    if config.position_offset is None:
        return x
    places = position + config.position_offset
    return x + lookup(params["position"]["embedding"], places, dtype)


def block(config: DecoderConfig, layer: Layer, x: Array, where: Where, keep: Keep):
    """A layer: attention and a network, each behind its norm, beside the stream.

    Args:
        config: sizes and family.
        layer: its parameters, without the axis of layers.
        x: `[batch, steps, dim]`.
        where: which keys are seen.
        keep: takes the keys and values of these tokens, gives those to look at.
    """
    params = layer.params
    y = norm(config, params["attention_norm"], x)
    y = _attention(config, layer, y, where, keep)
    if config.post_norms:
        y = norm(config, params["attention_post_norm"], y)
    z = norm(config, params["mlp_norm"], x if config.parallel else x + y)
    z = network(params["mlp"], z, activation=config.activation)
    if config.post_norms:
        z = norm(config, params["mlp_post_norm"], z)
    return x + y + z


def norm(config: DecoderConfig, params: Mapping[str, Any], x: Array) -> Array:
    """The family's norm along the last axis.

    Args:
        config: sizes and family.
        params: `scale`, and `bias` for a LayerNorm.
        x: `[..., dim]`.
    """
    eps, scale = config.norm_eps, params["scale"]
    if config.norm == "layer":
        return layer_norm(x, scale, params["bias"], eps=eps)
    return rms_norm(x, scale, eps=eps, offset=config.norm_offset)


def head(config: DecoderConfig, params: Tree) -> Any:
    """The matrix `[dim, vocab]`; the embedding's transpose where it is tied.

    Args:
        config: sizes and family.
        params: those of the whole decoder.
    """
    return params["embed"]["embedding"].T if config.tied else params["head"]["kernel"]


def logits_of(config: DecoderConfig, params: Tree, hidden: Array) -> Array:
    """Logits of hidden states `[..., dim]`, in float32 at least, capped.

    Args:
        config: sizes and family.
        params: those of the whole decoder.
        hidden: `[..., dim]`.
    """
    logits, cap = wide_product(hidden, head(config, params)), config.logit_cap
    return logits if cap is None else cap * jnp.tanh(logits / cap)


def _attention(config, layer: Layer, x: Array, where: Where, keep: Keep) -> Array:
    params = layer.params["attention"]

    def heads(name: str, count: int) -> Array:
        y = dense(params[name], x).reshape(*x.shape[:2], count, config.head_dim)
        normed = config.qk_norm and name != "value"
        return norm(config, params[f"{name}_norm"], y) if normed else y

    position = where.position[..., None].astype(jnp.float32)
    angle = position * layer.frequency[None, None]
    key, value = keep(
        rotate(heads("key", config.kv_heads), angle), heads("value", config.kv_heads)
    )
    near = (layer.window == 0) | (where.behind < layer.window)
    mixed = attend(
        rotate(heads("query", config.heads), angle),
        key,
        value,
        mask=(where.behind >= 0) & near,
        scale=config.score_scale or config.head_dim**-0.5,
        cap=config.attention_cap,
        causal=where.causal,
    )
    return dense(params["out"], jax.lax.collapse(mixed, 2))
