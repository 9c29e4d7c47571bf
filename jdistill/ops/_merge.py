"""Statistics whose identity is 0, so that one rule joins loops, batches and devices."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Stats = Mapping[str, Mapping[str, Any]]


def merge(a: Stats, b: Stats) -> dict[str, dict[str, Any]]:
    r"""Statistics of two sets of examples together.

    .. math:: \max(a, b) for names in `max_`, \quad a + b for names in `sum_`

    Args:
        a: statistics by key.
        b: statistics by key; a key that only one of both has is kept.

    Returns:
        Statistics by key.

    Raises:
        ValueError: a name begins with neither `max_` nor `sum_`.

    Example:
        >>> one, two = ({'w': {'max_pos': jnp.array(x)}} for x in (1.0, 3.0))
        >>> float(merge(one, two)['w']['max_pos'])
        3.0
    """
    both = {key: _both(a[key], b[key]) for key in a if key in b}
    return {**{k: dict(v) for k, v in (*a.items(), *b.items())}, **both}


def zeros(shapes: Any) -> Any:
    """The identity of `merge` for statistics of these shapes."""

    def zero(shape):
        varying = tuple(getattr(shape, "vma", None) or ())
        x = jnp.zeros(shape.shape, shape.dtype)
        return lax.pcast(x, varying, to="varying") if varying else x

    return jax.tree.map(zero, shapes)


def across(stats: Stats, axes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Statistics of all devices along mesh axes together."""

    def reduce(name, x):
        return _rule(name, x, lambda y: lax.pmax(y, axes), lambda y: lax.psum(y, axes))

    return {k: {n: reduce(n, x) for n, x in stat.items()} for k, stat in stats.items()}


def _both(a, b):
    return {
        n: _rule(n, (a[n], b[n]), lambda p: jnp.maximum(*p), lambda p: p[0] + p[1])
        for n in a
    }


def _rule(name, x, largest, total):
    if name.startswith("max_"):
        return largest(x)
    if name.startswith("sum_"):
        return total(x)
    raise ValueError(f"statistic {name!r} must be named max_... or sum_...")
