"""The k largest weights without a sort: bisection on bit patterns with counts.

The bit pattern of a non-negative float, read as an integer, orders like the float. So
the k-th largest magnitude is found in 31 halvings of the integers, each of which only
counts. A count of a sharded weight is one sum over devices; a sort would gather it.

Counts are exact up to 2^46: a weight is counted in rows of less than 2^31 entries, and
the counts of rows are added up as a pair of integers.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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


LIMIT = 2**31
"""Entries that one 32-bit count must stay below."""


class Count(NamedTuple):
    """A number of entries, `65536 high + low`."""

    high: Any
    low: Any


def kept_of(sparsity: Any, size: int) -> Count:
    """How many of `size` entries stay, `round((1 - sparsity) size)`.

    A Python number gives the exact integer, an array what float32 makes of it.

    Example:
        >>> kept_of(0.5, 2**33)
        Count(high=65536, low=0)
    """
    if isinstance(sparsity, int | float):
        return _count(round((1 - sparsity) * size))
    most = jnp.float32(size)
    kept = jnp.clip(jnp.round((1 - jnp.asarray(sparsity, jnp.float32)) * most), 0, most)
    high = jnp.floor(kept / 65536)  # of an integer in float32 both parts are exact
    return Count(high.astype(jnp.int32), (kept - 65536 * high).astype(jnp.int32))


def largest(
    ranks: Sequence[Int[Array, "..."]], kept: Count | Int[Array, ""] | int
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
    kept = kept if isinstance(kept, Count) else _count(kept)

    def above(bound):
        return _added([_per_row(rank > bound) for rank in ranks])

    top = jnp.iinfo(ranks[0].dtype).max
    bound = _smallest(
        lambda bound: _at_most(above(bound), kept),
        jnp.asarray(-1, ranks[0].dtype),
        jnp.asarray(top, ranks[0].dtype),
    )
    ties = [rank == bound for rank in ranks]
    first = _first_ties(ties, _less(kept, above(bound)))
    return [(r > bound) | t for r, t in zip(ranks, first, strict=True)]


def _first_ties(ties: list[Array], missing: Count) -> list[Array]:
    """The first `missing` entries of masks: whole rows, and a part of the last one."""
    places = _places(ties)
    rows, each = [row for row, _ in places], [_per_row(tie) for tie in ties]
    numbers = [jnp.ravel(counts) for counts in each]
    order = jnp.arange(sum(n.size for n in numbers), dtype=jnp.int32)
    numbers = jnp.concatenate(numbers)

    def before(row):
        return _added([jnp.where(order < row, numbers, 0)])

    zero = jnp.zeros((), jnp.int32)
    some = (missing.high > 0) | (missing.low > 0)  # else nothing is searched
    last = _smallest(
        lambda row: _at_most(missing, before(row)),
        zero,
        jnp.where(some, numbers.size, 0).astype(jnp.int32),
    )
    rest = _less(missing, before(last - 1))
    rest = 65536 * rest.high + rest.low  # of one row, so that it has 31 bits
    inside = [t & (row == last - 1) for t, row in zip(ties, rows, strict=True)]
    end = _smallest(
        lambda end: (
            sum(
                jnp.sum(t & (column < end), dtype=jnp.int32)
                for t, (_, column) in zip(inside, places, strict=True)
            )
            >= rest
        ),
        zero,
        jnp.where(some, max(math.prod(_row(t.shape)) for t in ties), 0).astype(
            jnp.int32
        ),
    )
    return [
        t & ((row < last - 1) | ((row == last - 1) & (column < end)))
        for t, (row, column) in zip(ties, places, strict=True)
    ]


def _row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The last axes of an array that one count holds."""
    tails = (shape[axis:] for axis in range(len(shape) + 1))
    return next(tail for tail in tails if math.prod(tail) < LIMIT)


def _per_row(mask: Bool[Array, "..."]) -> Array:
    columns = len(_row(mask.shape))
    axes = tuple(range(mask.ndim - columns, mask.ndim))
    return jnp.sum(mask, axis=axes, dtype=jnp.int32)


def _count(number: Any) -> Count:
    return Count(number >> 16, number & 0xFFFF)


def _added(counts: Sequence[Array]) -> Count:
    """The sum of 32-bit counts, of which there are less than 2^22."""

    def part(shift):  # 8 bits of each count, so that no sum overflows
        return sum(jnp.sum((c >> shift) & 0xFF, dtype=jnp.int32) for c in counts)

    parts = [part(shift) for shift in (0, 8, 16, 24)]
    second = parts[1] + (parts[0] >> 8)
    low = ((second & 0xFF) << 8) + (parts[0] & 0xFF)
    return Count(parts[2] + (second >> 8) + (parts[3] << 8), low)


def _at_most(a: Count, b: Count) -> Any:
    return (a.high < b.high) | ((a.high == b.high) & (a.low <= b.low))


def _less(a: Count, b: Count) -> Count:
    """`a - b`."""
    low = a.low - b.low
    return Count(a.high - b.high + (low >> 16), low & 0xFFFF)


def _smallest(holds: Callable[[Any], Any], low: Any, high: Any) -> Array:
    """The smallest integer of [low, high] for which a monotone condition holds."""

    def halve(bounds):
        low, high = bounds
        middle = (low >> 1) + (high >> 1) + (low & high & 1)  # never overflows
        found = holds(middle)
        return jnp.where(found, low, middle + 1), jnp.where(found, middle, high)

    return lax.while_loop(lambda bounds: bounds[0] < bounds[1], halve, (low, high))[1]


def _places(arrays: Sequence[Shaped[Array, "..."]]) -> list[tuple[Array, Array]]:
    """The row of each entry, counted through the arrays in order, and its column."""
    places, start = [], 0
    for array in arrays:
        shape = array.shape
        lead = len(shape) - len(_row(shape))
        row = start + _index(shape, range(lead))
        places.append((row, _index(shape, range(lead, len(shape)))))
        start += math.prod(shape[:lead])
    return places


def _index(shape: tuple[int, ...], axes: range) -> Array:
    """The index of each entry along some axes, the last one running fastest."""
    index, stride = jnp.zeros(shape, jnp.int32), 1
    for axis in reversed(axes):
        step = lax.broadcasted_iota(jnp.int32, shape, axis)
        index, stride = index + stride * step, stride * shape[axis]
    return index


def largest_each(
    ranks: Int[Array, "..."], kept: Count | Int[Array, ""] | int, *, layers: int = 0
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
