"""Going on from a cache of keys and values."""

from typing import Any

import jax.numpy as jnp

from jdistill.models.transformers._attention import distances
from jdistill.models.transformers._cache import last, room, through_cache
from jdistill.models.transformers._decoder_block import (
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
        x, cache = through_cache(layer, layers_of(config, params), x, cache, position)
        hidden = norm(config, params["norm"], last(x, count))
        cache = cache | {"length": cache["length"] + count}
        return logits_of(config, params, hidden), cache

    return Decoding(start, step)
