"""A projection of one tap, for each of a tuple of taps."""

import jax

from jdistill.projections._layers import shapes
from jdistill.typing import ApplyProjection, InitProjection, Projection


def each_level(init: InitProjection, apply: ApplyProjection) -> Projection:
    """A projection that takes one tap or a tuple of them, each with its parameters.

    Args:
        init: of one tap.
        apply: of one tap.

    Raises:
        ValueError: when used with a tuple on one side and not on the other, or with
            tuples of different lengths.

    Example:
        >>> scale = each_level(lambda *_: 2.0, lambda p, x, like, **_: p * x)
        >>> scale.apply((2.0, 3.0), (1.0, 1.0), (0, 0))
        (2.0, 3.0)
    """

    def init_all(key, feature, like):
        if not isinstance(feature, tuple) and not isinstance(like, tuple):
            return init(key, feature, like)
        keys = jax.random.split(key, _count(feature, like))
        return tuple(map(init, keys, feature, like))

    def apply_all(params, feature, like, *, mask=None, key=None):
        if not isinstance(feature, tuple) and not isinstance(like, tuple):
            return apply(params, feature, like, mask=mask, key=key)
        keys = [
            None if key is None else jax.random.fold_in(key, level)
            for level in range(_count(feature, like))
        ]
        return tuple(
            apply(p, f, t, mask=mask, key=k)
            for p, f, t, k in zip(params, feature, like, keys, strict=True)
        )

    return Projection(init_all, apply_all)


def _count(feature, like):
    both = isinstance(feature, tuple) and isinstance(like, tuple)
    if not both or len(feature) != len(like):
        raise ValueError(
            f"taps {shapes(feature)} and {shapes(like)} of the other side: there must "
            "be as many on both"
        )
    return len(feature)
