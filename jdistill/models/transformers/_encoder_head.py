"""What an encoder makes of its last hidden states, by the head of its configuration."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._encoder_block import norm
from jdistill.models.transformers._encoder_config import EncoderConfig
from jdistill.models.transformers._layers import ACTIVATIONS, along, dense
from jdistill.typing import Array, Tree


def pooled(config: EncoderConfig, params: Tree, x: Array, mask: Any) -> Array:
    """The vector of each text: its first token, or the mean or maximum of real ones.

    Args:
        config: `pooling`, and `pooler` for a product and an activation behind it.
        params: those of the whole encoder.
        x: `[batch, steps, dim]`.
        mask: 0 where a token is padding, None for nowhere.

    Returns:
        `[batch, dim]`.
    """
    real = jnp.ones(x.shape[:2], bool) if mask is None else jnp.asarray(mask) > 0
    vector = _gathered(config.pooling, x, real)
    if config.pooler is None or config.head == "sentence":
        return vector
    return ACTIVATIONS[config.pooler](dense(params["pooler"], vector))


def sentence(config: EncoderConfig, vector: Array) -> Array:
    """The vector of a sentence, of length 1 if the configuration says so.

    Args:
        config: `unit`.
        vector: `[batch, dim]`.
    """
    if not config.unit:
        return vector
    wide = vector.astype(jnp.promote_types(vector.dtype, jnp.float32))
    square = jnp.square(wide).sum(-1, keepdims=True)
    return (wide * jax.lax.rsqrt(jnp.maximum(square, 1e-24))).astype(vector.dtype)


def transformed(config: EncoderConfig, params: Tree, x: Array) -> Array:
    """What the matrix of a vocabulary reads.

    Args:
        config: its activations.
        params: those of the whole encoder.
        x: `[batch, steps, dim]`.
    """
    activation = ACTIVATIONS[config.head_activation or config.activation]
    y = activation(dense(params["transform"], x))
    return norm(config, params["transform_norm"], y)


def logits_of(config: EncoderConfig, params: Tree, x: Array) -> Array:
    """Logits, in float32 at least.

    Args:
        config: sizes and head.
        params: those of the whole encoder.
        x: `[..., dim]`, of `transformed` or of `pooled`.
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    matrix = _kernel(config, params).astype(x.dtype)
    logits = jnp.matmul(x, matrix, preferred_element_type=wide)
    return logits + along(params["head"]["bias"], logits)


def hidden_of(x: Array) -> Array:
    """With a 1 behind it, which the last row of the matrix, the bias, is multiplied by.

    Args:
        x: `[..., dim]`.

    Example:
        >>> hidden_of(jnp.array([[3.0, 4.0]]))
        Array([[3., 4., 1.]], dtype=float32)
    """
    return jnp.concatenate([x, jnp.ones_like(x[..., :1])], axis=-1)


def head(config: EncoderConfig, params: Tree) -> Array:
    """The matrix `[dim + 1, classes]`: the kernel, and the bias as its last row.

    Args:
        config: sizes and head.
        params: those of the whole encoder.
    """
    kernel = jnp.asarray(_kernel(config, params))
    bias = jnp.asarray(params["head"]["bias"], kernel.dtype)
    return jnp.concatenate([kernel, bias[None]])


def _kernel(config: EncoderConfig, params: Tree) -> Any:
    tied = config.head == "vocabulary" and config.tied
    return params["embed"]["embedding"].T if tied else params["head"]["kernel"]


def _gathered(pooling: str, x: Array, real: Array) -> Array:
    if pooling == "first":
        at = jnp.argmax(real, axis=1)[:, None, None]
        return jnp.take_along_axis(x, at, axis=1)[:, 0]
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    if pooling == "mean":
        count = jnp.maximum(real.sum(1), 1)[:, None]
        return (jnp.where(real[..., None], wide, 0).sum(1) / count).astype(x.dtype)
    lowest = jnp.finfo(x.dtype).min
    return jnp.where(real[..., None], x, lowest).max(1)
