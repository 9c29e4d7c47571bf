"""Keys and values of what was read before, for all layers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jdistill.typing import Array, Tree

Keep = Callable[[Array, Array], tuple[Array, Array]]
"""From the keys and values of the tokens of a call to all that they may look at."""


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


def through_cache(
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


def last(x: Array, count: Any) -> Array:
    """Of each row the last token that counts, `[batch, dim]`.

    Args:
        x: `[batch, steps, dim]`.
        count: tokens of each row, `[batch]`.
    """
    at = jnp.maximum(count - 1, 0)[:, None, None]
    return jnp.take_along_axis(x, at, axis=1)[:, 0]
