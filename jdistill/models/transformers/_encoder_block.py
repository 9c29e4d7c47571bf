"""One layer of an encoder, and what lies before the first."""

from typing import Any

import jax.numpy as jnp

from jdistill.models.transformers._attention import attend
from jdistill.models.transformers._batch import position_of
from jdistill.models.transformers._encoder_config import EncoderConfig
from jdistill.models.transformers._layers import dense, layer_norm, lookup, network
from jdistill.typing import Array, Batch, Tree


def embed(config: EncoderConfig, params: Tree, ids: Array, batch: Batch, dtype) -> Any:
    """Tokens, positions and token types as vectors, normed; NaN where there is none.

    Args:
        config: sizes and family.
        params: those of the whole encoder.
        ids: `[batch, steps]`.
        batch: with what is said of positions and token types.
        dtype: type of the vectors.
    """
    x = lookup(params["embed"]["embedding"], ids, dtype)
    if config.token_types:
        kinds = batch.get("token_type")
        kinds = jnp.zeros_like(ids) if kinds is None else jnp.asarray(kinds)
        x = x + lookup(params["type"]["embedding"], kinds, dtype)
    places = position_of(batch) + config.position_offset
    x = x + lookup(params["position"]["embedding"], places, dtype)
    return norm(config, params["embed_norm"], x)


def block(
    config: EncoderConfig, params: Tree, x: Array, mask: Any
) -> tuple[Array, dict[str, Array]]:
    """A layer: attention, then a network, a norm behind each sum with the stream.

    Args:
        config: sizes and family.
        params: of the layer.
        x: `[batch, steps, dim]`.
        mask: which keys are seen, `[batch, steps or 1, keys]`; None for all.

    Returns:
        The stream, and it with query, key and value by name.
    """
    own, width = params["attention"], config.dim // config.heads
    heads = {
        name: dense(own[name], x).reshape(*x.shape[:2], config.heads, width)
        for name in ("query", "key", "value")
    }
    scale = width**-0.5
    mixed = attend(heads["query"], heads["key"], heads["value"], mask=mask, scale=scale)
    y = dense(own["out"], mixed.reshape(x.shape))
    x = norm(config, params["attention_norm"], x + y)
    y = network(params["mlp"], x, activation=config.activation)
    x = norm(config, params["mlp_norm"], x + y)
    return x, {"layer": x, **heads}


def norm(config: EncoderConfig, params: Tree, x: Array) -> Array:
    """The LayerNorm along the last axis.

    Args:
        config: for what is added to the variance.
        params: `scale` and `bias`.
        x: `[..., dim]`.
    """
    return layer_norm(x, params["scale"], params["bias"], eps=config.norm_eps)
