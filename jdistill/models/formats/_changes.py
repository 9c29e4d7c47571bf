"""What lies between their array and ours, and the way back."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Change(NamedTuple):
    """From their array to ours, and back.

    * `read(theirs) -> ours`: a view where it can be, so that a slice of a mapped file
      touches no more than its bytes. The last change of a row of several paths gives
      a sequence of arrays.
    * `write(ours) -> theirs`: the inverse.
    """

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


transpose = Change(lambda x: x.T, lambda x: x.T)
"""A matrix `[out, in]` is our kernel `[in, out]`."""


def added(amount: float) -> Change:
    """Theirs is ours and `amount`; bit for bit where theirs is at least half of it."""
    return Change(
        lambda x: x - x.dtype.type(amount), lambda x: x + x.dtype.type(amount)
    )


def interleaved(heads: int) -> Change:
    """Rows of theirs turn pairs of neighbours, rows of ours the halves of a head.

    Args:
        heads: along the first axis, each of an even number of rows.
    """

    def turned(x: np.ndarray, inner: tuple[int, int]) -> np.ndarray:
        return x.reshape(heads, *inner, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)

    return Change(
        lambda x: turned(x, (x.shape[0] // heads // 2, 2)),
        lambda x: turned(x, (2, x.shape[0] // heads // 2)),
    )


def joined(*sizes: int) -> Change:
    """Theirs is several of ours side by side along the last axis.

    Args:
        sizes: of ours along that axis.
    """
    ends = np.cumsum(sizes)[:-1]
    return Change(
        lambda x: _split(x, sum(sizes), ends),
        lambda parts: np.concatenate(parts, axis=-1),
    )


def woven(heads: int, parts: int) -> Change:
    """Theirs is, head by head, the columns of several of ours.

    Args:
        heads: along the last axis.
        parts: of each head.
    """

    def read(x: np.ndarray) -> list[np.ndarray]:
        split = x.reshape(*x.shape[:-1], heads, parts, -1)
        return [split[..., i, :].reshape(*x.shape[:-1], -1) for i in range(parts)]

    def write(ours: Sequence[np.ndarray]) -> np.ndarray:
        split = [x.reshape(*x.shape[:-1], heads, -1) for x in ours]
        return np.stack(split, axis=-2).reshape(*ours[0].shape[:-1], -1)

    return Change(read, write)


def _split(x: np.ndarray, size: int, ends: Any) -> list[np.ndarray]:
    if x.shape[-1] != size:
        raise ValueError(f"the last axis must be {size}")
    return np.split(x, ends, axis=-1)
