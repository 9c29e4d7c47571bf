"""Writing with an encoder-decoder: the source is read once."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._attention import distances, seen
from jdistill.models.transformers._cache import last, room, through_cache
from jdistill.models.transformers._encoder_decoder_block import (
    Across,
    Seen,
    block,
    embed,
    hidden_of,
    keys_of,
    logits_of,
)
from jdistill.models.transformers._encoder_decoder_config import EncoderDecoderConfig
from jdistill.models.transformers._encoder_decoder_source import encode
from jdistill.models.transformers._relative import bucket_table, relative_bias
from jdistill.typing import Array, Batch, Decoding, Tree


def decoding(config: EncoderDecoderConfig, dtype: Any) -> Decoding:
    """How an encoder-decoder goes on: what it has read and written, in one cache.

    Args:
        config: sizes.
        dtype: type it computes in.

    Returns:
        `start`, which reads the source, and `step`; the cache holds `key` and `value`
        `[depth, batch, length, heads, head_dim]` of what is written, `source_key`,
        `source_value` and `source_mask` of the source, and `length` `[batch]`.

    Example:
        >>> from jdistill.models.transformers._encoder_decoder_start import start
        >>> config = EncoderDecoderConfig(vocab=50, dim=16, depth=2, heads=4,
        ...                               head_dim=4, mlp_dim=32)
        >>> batch = {'source': jnp.ones((3, 7), int), 'inputs': jnp.zeros((3, 1), int)}
        >>> params = start(jax.random.key(0), config)
        >>> cache = decoding(config, jnp.float32).start(params, {}, batch, 10)
        >>> cache['key'].shape, cache['source_key'].shape
        ((2, 3, 10, 4, 4), (2, 3, 7, 4, 4))
    """
    table = bucket_table(config.buckets, config.max_distance, both_ways=False)

    def start(params, state, batch: Batch, length: int, *, dtype: Any = dtype) -> Tree:
        del state
        encoded = encode(config, params, batch, dtype)
        rows, steps = encoded.hidden.shape[:2]

        def keys(_, own: Tree) -> tuple[None, tuple[Array, Array]]:
            return None, keys_of(config, own, encoded.hidden)

        cross = params["decoder"]["layers"]["cross"]
        key, value = jax.lax.scan(keys, None, cross)[1]
        mask = batch.get("source_mask")
        depth = config.decoder_depth or 0
        return {
            **room((depth, rows, length, config.heads, config.head_dim), dtype),
            "source_key": key.astype(dtype),
            "source_value": value.astype(dtype),
            "source_mask": jnp.ones((rows, steps)) if mask is None else mask,
        }

    def step(params, state, cache, tokens, count) -> tuple[Array, Tree]:
        del state
        steps, slots = tokens.shape[1], cache["key"].shape[2]
        position = cache["length"][:, None] + jnp.arange(steps, dtype=jnp.int32)[None]
        places = jnp.arange(slots, dtype=jnp.int32)[None]
        behind = distances(position, places, None, None, None)
        bias = relative_bias(params["decoder"]["position"]["embedding"], behind, table)
        own = Seen(behind >= 0, bias)
        source = Seen(seen(None, None, cache["source_mask"]))

        def layer(each, x, keep):
            params, key, value = each
            across = Across(key.astype(x.dtype), value.astype(x.dtype), source)
            return block(config, params, x, own, keep, across)

        layers = params["decoder"]["layers"], cache["source_key"], cache["source_value"]
        x = embed(params, tokens, dtype)
        x, cache = through_cache(layer, layers, x, cache, position)
        hidden = hidden_of(config, params, last(x, count))
        cache = cache | {"length": cache["length"] + count}
        return logits_of(params, hidden), cache

    return Decoding(start, step)
