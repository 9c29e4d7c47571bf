"""Positions as distances, those far away in common buckets, added to the scores."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jdistill.typing import Array


def bucket_table(number: int, most: int, *, both_ways: bool) -> np.ndarray:
    r"""The bucket of each distance from `-most` to `most`.

    .. math::
        b(d) = d \text{ for } d < e, \quad
        b(d) = \min(n - 1, e + \lfloor (n - e) \ln(d / e) / \ln(most / e) \rfloor)

    with n buckets, of which e = n / 2 stand for one distance each. Both ways, keys
    before a query have the first half of all buckets and those after it the second.

    Args:
        number: of buckets.
        most: from this distance on all have the last bucket.
        both_ways: whether keys after a query are told apart.

    Returns:
        int32 `[2 most + 1]`; negative distances come first, they are those of keys
        after a query.

    References:
        Raffel et al., arXiv:1910.10683, section 2.1.

    Example:
        >>> bucket_table(4, 3, both_ways=True).tolist()
        [3, 3, 3, 0, 1, 1, 1]
        >>> bucket_table(4, 3, both_ways=False).tolist()
        [0, 0, 0, 0, 1, 2, 3]
    """
    behind = np.arange(-most, most + 1)
    if both_ways:
        half = number // 2
        found = _bucket(np.abs(behind), half, most) + half * (behind < 0)
    else:
        found = _bucket(np.maximum(behind, 0), number, most)
    return found.astype(np.int32)


def _bucket(distance: np.ndarray, number: int, most: int) -> np.ndarray:
    exact = number // 2
    share = np.log(np.maximum(distance, exact) / exact) / np.log(most / exact)
    far = exact + (share * (number - exact)).astype(int)
    return np.where(distance < exact, distance, np.minimum(far, number - 1))


def relative_bias(embedding: Any, behind: Array, table: np.ndarray) -> Array:
    """What is added to the scores, by how far a key lies behind its query.

    Args:
        embedding: a number of each bucket and head, `[buckets, heads]`.
        behind: `[batch or 1, steps, keys]`, negative for keys after the query.
        table: of `bucket_table`.

    Returns:
        `[batch or 1, heads, steps, keys]`, in float32 at least.

    Example:
        >>> table = bucket_table(4, 3, both_ways=False)
        >>> relative_bias(jnp.arange(4.0)[:, None], jnp.array([[[0, 1, 9]]]), table)
        Array([[[[0., 1., 3.]]]], dtype=float32)
    """
    most = table.size // 2
    embedding = jnp.asarray(embedding)
    bucket = jnp.asarray(table)[jnp.clip(behind, -most, most) + most]
    wide = jnp.promote_types(embedding.dtype, jnp.float32)
    return jnp.moveaxis(embedding[bucket].astype(wide), -1, 1)
