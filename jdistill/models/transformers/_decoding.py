"""Going on from a cache of keys and values."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._attention import distances
from jdistill.models.transformers._decoder_block import (
    Keep,
    Where,
    block,
    embed,
    layers_of,
    logits_of,
    norm,
)
from jdistill.models.transformers._decoder_config import DecoderConfig
from jdistill.typing import Array, Batch, Decoding, Tree


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
        >>> batch = {'inputs': jnp.zeros((3, 1), int)}
        >>> cache = decoding(config, jnp.float32).start({}, {}, batch, 10)
        >>> cache['key'].shape, cache['length']
        ((2, 3, 10, 2, 4), Array([0, 0, 0], dtype=int32))
    """

    def start(params, state, batch: Batch, length: int, *, dtype: Any = dtype) -> Tree:
        del params, state
        if length > config.max_steps:
            raise ValueError(
                f"room for {length} tokens is more than the {config.max_steps} "
                "positions of the model"
            )
        rows = jnp.shape(batch["inputs"])[0]
        shape = (config.depth, rows, length, config.kv_heads, config.head_dim)
        return room(shape, dtype)

    def step(params, state, cache, tokens, count) -> tuple[Array, Tree]:
        del state
        batch, steps = tokens.shape
        position = cache["length"][:, None] + jnp.arange(steps, dtype=jnp.int32)[None]
        slots = jnp.arange(cache["key"].shape[2], dtype=jnp.int32)
        slots = jnp.broadcast_to(slots[None], (batch, slots.size))
        where = Where(position, distances(position, slots, None, None, None))

        def layer(own, x, keep):
            return block(config, own, x, where, keep)

        x = embed(config, params, tokens, position, dtype)
        x, cache = through(layer, layers_of(config, params), x, cache, position)
        hidden = norm(config, params["norm"], last(x, count))
        cache = cache | {"length": cache["length"] + count}
        return logits_of(config, params, hidden), cache

    return Decoding(start, step)


def room(shape: tuple[int, ...], dtype: Any) -> dict[str, Array]:
    """A cache that has read nothing.

    Args:
        shape: of keys and of values, `[depth, batch, length, heads, head_dim]`.
        dtype: of both.
    """
    return {
        "key": jnp.zeros(shape, dtype),
        "value": jnp.zeros(shape, dtype),
        "length": jnp.zeros((shape[1],), jnp.int32),
    }


def through(
    layer: Callable[[Any, Array, Keep], Array],
    own: Tree,
    x: Array,
    cache: Tree,
    position: Array,
) -> tuple[Array, Tree]:
    """Tokens through all layers, each with the keys and values of what came before.

    Args:
        layer: from a layer's own arrays, `x` and `keep` to the next `x`.
        own: arrays `[depth, ...]`.
        x: `[batch, steps, dim]`.
        cache: `key` and `value`, which the layers write to and read from.
        position: slots of the tokens, `[batch, steps]`.

    Returns:
        What the last layer gives, and the cache with these tokens.
    """
    rows = jnp.arange(x.shape[0])[:, None]

    def run(carry, xs):
        x, keys, values = carry
        index, own = xs

        def keep(key, value):
            nonlocal keys, values
            keys = keys.at[index, rows, position].set(key, mode="drop")
            values = values.at[index, rows, position].set(value, mode="drop")
            return keys[index].astype(x.dtype), values[index].astype(x.dtype)

        return (layer(own, x, keep), keys, values), None

    xs = jnp.arange(cache["key"].shape[0]), own
    carry = x, cache["key"], cache["value"]
    (x, keys, values), _ = jax.lax.scan(run, carry, xs)
    return x, {**cache, "key": keys, "value": values}


def last(x: Array, count: Array) -> Array:
    """Of each row the last token that counts, `[batch, dim]`.

    Args:
        x: `[batch, steps, dim]`.
        count: tokens of each row, `[batch]`.
    """
    at = jnp.maximum(count - 1, 0)[:, None, None]
    return jnp.take_along_axis(x, at, axis=1)[:, 0]
