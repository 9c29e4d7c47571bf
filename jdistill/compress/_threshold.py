"""The k largest weights without a sort: bisection on bit patterns with counts.

The bit pattern of a non-negative float, read as an integer, orders like the float. So
the k-th largest magnitude is found in 31 halvings of the integers, each of which only
counts. A count of a sharded weight is one sum over devices; a sort would gather it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Shaped


def rank_bits(x: Float[Array, "..."]) -> Int[Array, "..."]:
    """Integers that order like the magnitudes of `x`.

    Args:
        x: weights of any shape, of 16, 32 or 64 bits.

    Returns:
        Non-negative integers of the shape of `x`.

    Example:
        >>> rank_bits(jnp.array([-0.0, 1.0, -2.0]))
        Array([         0, 1065353216, 1073741824], dtype=int32)
    """
    wide = jnp.abs(x.astype(jnp.promote_types(x.dtype, jnp.float32)))
    integer = jnp.int32 if wide.dtype.itemsize == 4 else jnp.int64
    return lax.bitcast_convert_type(wide, integer)


def largest(
    ranks: Sequence[Int[Array, "..."]], kept: Int[Array, ""] | int
) -> list[Bool[Array, "..."]]:
    r"""Masks of the `kept` largest entries of several arrays together.

    .. math:: t = \min \{t : |\{r > t\}| \le k\}, \quad
        m = [r > t] \lor [r = t \land i < e],

    where `i` counts entries through the arrays in order and `e` is the smallest end
    with which exactly `k` entries are kept: ties fall to the lowest index.

    Args:
        ranks: integers of one type, at least -1, from `rank_bits`.
        kept: how many entries to keep in all, `k`.

    Returns:
        One mask an array, with exactly `kept` True in all.

    Example:
        >>> largest([jnp.array([3, 1, 2]), jnp.array([2, 0])], 2)
        [Array([ True, False,  True], dtype=bool), Array([False, False], dtype=bool)]
    """

    def above(bound):
        return _total([rank > bound for rank in ranks])

    top = jnp.iinfo(ranks[0].dtype).max
    bound = _smallest(
        lambda bound: above(bound) <= kept,
        jnp.asarray(-1, ranks[0].dtype),
        jnp.asarray(top, ranks[0].dtype),
    )
    ties, places = [rank == bound for rank in ranks], _places(ranks)
    missing = kept - above(bound)
    end = _smallest(
        lambda end: (
            _total([t & (p < end) for t, p in zip(ties, places, strict=True)])
            >= missing
        ),
        jnp.zeros((), jnp.int32),
        # without ties to break nothing is searched
        jnp.where(missing > 0, sum(rank.size for rank in ranks), 0).astype(jnp.int32),
    )
    parts = zip(ranks, ties, places, strict=True)
    return [(r > bound) | (t & (p < end)) for r, t, p in parts]


def _total(masks: Sequence[Bool[Array, "..."]]) -> Any:
    return sum(jnp.sum(mask, dtype=jnp.int32) for mask in masks)


def _smallest(holds: Callable[[Any], Any], low: Any, high: Any) -> Array:
    """The smallest integer of [low, high] for which a monotone condition holds."""

    def halve(bounds):
        low, high = bounds
        middle = (low >> 1) + (high >> 1) + (low & high & 1)  # never overflows
        found = holds(middle)
        return jnp.where(found, low, middle + 1), jnp.where(found, middle, high)

    return lax.while_loop(lambda bounds: bounds[0] < bounds[1], halve, (low, high))[1]


def _places(arrays: Sequence[Shaped[Array, "..."]]) -> list[Int[Array, "..."]]:
    """The index of each entry, counted through the arrays in order."""
    places, start = [], 0
    for array in arrays:
        place, stride = jnp.full(array.shape, start, jnp.int32), 1
        for axis in reversed(range(array.ndim)):
            step = lax.broadcasted_iota(jnp.int32, array.shape, axis)
            place, stride = place + stride * step, stride * array.shape[axis]
        places.append(place)
        start += array.size
    return places


def largest_each(
    ranks: Int[Array, "..."], kept: Int[Array, ""] | int, *, layers: int = 0
) -> Bool[Array, "..."]:
    """`largest` of one array, apart for each index of its first `layers` axes.

    Args:
        ranks: integers from `rank_bits`.
        kept: how many entries to keep, in each layer.
        layers: how many leading axes are stacked.

    Returns:
        The mask, of the shape of `ranks`.

    Example:
        >>> largest_each(jnp.array([[1, 2], [4, 3]]), 1, layers=1)
        Array([[False,  True],
               [ True, False]], dtype=bool)
    """
    if layers:
        return jax.vmap(lambda r: largest_each(r, kept, layers=layers - 1))(ranks)
    return largest([ranks], kept)[0]
