"""Leaves as checkpoints hold them: on the host, without keys, with a checksum."""

import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.typing import Array


def host(leaf: Any) -> Any:
    """A copy of a leaf to write; what other processes hold stays where it is."""
    # The training loop gives the buffer to the next step at once.
    if isinstance(leaf, jax.Array):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        if not leaf.is_fully_addressable:
            return leaf
    return np.array(leaf, order="C")


def form(leaf: Any) -> str:
    """Its type and shape, in a word."""
    return f"{leaf.dtype}{list(leaf.shape)}"


def abstract(leaf: Any) -> Any:
    """What to read a leaf into that is like this one."""
    if not isinstance(leaf, jax.Array):
        return np.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if leaf.is_fully_addressable:
        return np.empty(leaf.shape, leaf.dtype)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def placed(found: Any, leaf: Any) -> Any:
    """What was read, as the leaf it is like: a key, on its devices."""
    if not isinstance(leaf, jax.Array) or isinstance(found, jax.Array):
        return found
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        keys = jax.random.wrap_key_data(found, impl=jax.random.key_impl(leaf))
        return jax.device_put(keys, leaf.sharding)
    return jax.device_put(found, leaf.sharding)


def checksum(leaf: Any) -> int | dict[str, int]:
    """Of a leaf's bytes where they lie, or of an array that several processes hold.

    Example:
        >>> checksum(np.zeros(1, np.uint8))
        3523407757
    """
    if isinstance(leaf, jax.Array):
        return {"folded": int(folded(leaf))}
    flat: Any = np.ascontiguousarray(leaf).reshape(-1).view(np.uint8)
    return zlib.crc32(flat)


def agrees(leaf: Any, noted: Any) -> bool:
    """Whether a leaf is the one that was noted, however it was sharded then.

    Example:
        >>> agrees(np.ones(2), checksum(np.ones(2))), agrees(np.ones(2), 0)
        (True, False)
    """
    if isinstance(noted, Mapping):
        return int(folded(leaf)) == noted["folded"]
    if isinstance(leaf, jax.Array):  # of one process then, of several now
        return True
    return checksum(leaf) == noted


@jax.jit
def folded(leaf: Array) -> Array:
    r"""A checksum that no sharding changes: no process needs the whole array.

    .. math:: \sum_i (2 i + 1) \, b_i \bmod 2^{32}

    with :math:`b_i` the bits of element i. Every factor is odd, so one element that
    differs always changes it.

    Example:
        >>> int(folded(np.array([1, 2], np.uint32)))
        7
    """
    kinds = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint32}
    x = jnp.asarray(leaf)
    x = x.astype(jnp.uint8) if x.dtype == bool else x
    bits = jax.lax.bitcast_convert_type(x, kinds[x.dtype.itemsize]).astype(jnp.uint32)
    place = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):
        place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(
            jnp.uint32, bits.shape, axis
        )
    return jnp.sum((2 * place + 1) * bits, dtype=jnp.uint32)
