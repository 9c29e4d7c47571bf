"""Going on from a cache of keys and values."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._attention import distances
from jdistill.models.transformers._decoder_block import (
    Where,
    block,
    embed,
    layers_of,
    logits_of,
    norm,
)
from jdistill.models.transformers._decoder_config import DecoderConfig
from jdistill.typing import Array, Decoding, Tree


def decoding(config: DecoderConfig, dtype: Any) -> Decoding:
    """How a decoder goes on: keys and values of all layers in one cache.

    A row's token of position `p` stands in slot `p`, so rows of different lengths need
    no padding before them. What `step` reads beyond `count` is overwritten before
    anything looks at it.

    Args:
        config: sizes and family.
        dtype: type it computes in.

    Returns:
        `start` and `step`; the cache holds `key` and `value` `[depth, batch, length,
        kv_heads, head_dim]` and `length` `[batch]`.

    Example:
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64)
        >>> cache = decoding(config, jnp.float32).start({}, 3, 10)
        >>> cache['key'].shape, cache['length']
        ((2, 3, 10, 2, 4), Array([0, 0, 0], dtype=int32))
    """

    def start(params: Tree, batch: int, length: int, *, dtype: Any = dtype) -> Tree:
        del params
        if length > config.max_steps:
            raise ValueError(
                f"room for {length} tokens is more than the {config.max_steps} "
                "positions of the model"
            )
        shape = (config.depth, batch, length, config.kv_heads, config.head_dim)
        return {
            "key": jnp.zeros(shape, dtype),
            "value": jnp.zeros(shape, dtype),
            "length": jnp.zeros((batch,), jnp.int32),
        }

    def step(params, state, cache, tokens, count) -> tuple[Array, Tree]:
        del state
        batch, steps = tokens.shape
        position = cache["length"][:, None] + jnp.arange(steps, dtype=jnp.int32)[None]
        slots = jnp.arange(cache["key"].shape[2], dtype=jnp.int32)
        slots = jnp.broadcast_to(slots[None], (batch, slots.size))
        where = Where(position, distances(position, slots, None, None, None))
        rows = jnp.arange(batch)[:, None]

        def layer(carry, xs):
            x, keys, values = carry
            index, own = xs

            def keep(key, value):
                nonlocal keys, values
                keys = keys.at[index, rows, position].set(key, mode="drop")
                values = values.at[index, rows, position].set(value, mode="drop")
                return keys[index].astype(x.dtype), values[index].astype(x.dtype)

            x = block(config, own, x, where, keep)
            return (x, keys, values), None

        x = embed(config, params, tokens, position, dtype)
        xs = jnp.arange(config.depth), layers_of(config, params)
        carry = x, cache["key"], cache["value"]
        (x, keys, values), _ = jax.lax.scan(layer, carry, xs)
        last = jnp.maximum(count - 1, 0)[:, None, None]
        hidden = norm(config, params["norm"], jnp.take_along_axis(x, last, axis=1))
        length = cache["length"] + count
        cache = {"key": keys, "value": values, "length": length}
        return logits_of(config, params, hidden[:, 0]), cache

    return Decoding(start, step)
