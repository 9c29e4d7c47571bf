"""Pairs of narrow matrices as the one matrix of low rank that they stand for."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from jdistill.compress._encoded import Dense, Factors


def factors(
    adapters: Mapping[str, Mapping[str, Any]],
    *,
    scale: float = 1.0,
    layers: Mapping[str, int] | None = None,
) -> dict[str, Factors]:
    r"""Adapters as `pack` writes them: two narrow matrices a weight.

    .. math:: \Delta W = (s A) B

    Args:
        adapters: by the path of a weight, `{'a': [..., in, r], 'b': [..., r, out]}`, as
            `models.lora` has them; several axes of inputs or outputs are joined.
        scale: s, alpha / r of `models.lora`; it goes into A.
        layers: by path, how many leading axes number layers; none where it is left out.

    Returns:
        An encoding by path, whose decoding is the change of the weight, in the order
        of the product: summed-over axes, then kept ones.

    Raises:
        ValueError: a pair whose leading axes or ranks differ.

    Example:
        >>> pair = {'a': jnp.ones((3, 1)), 'b': jnp.full((1, 2), 2.0)}
        >>> from jdistill.compress import decode
        >>> decode(factors({'w': pair})['w']).shape
        (3, 2)
    """
    lead = dict(layers or {})
    return {
        path: _pair(path, x, scale, lead.get(path, 0)) for path, x in adapters.items()
    }


def _pair(path: str, pair: Mapping[str, Any], scale: float, lead: int) -> Factors:
    a, b = jnp.asarray(pair["a"]), jnp.asarray(pair["b"])
    rank = a.shape[-1]
    fits = b.ndim > lead + 1 and a.ndim > lead + 1 and b.shape[lead] == rank
    if not fits or a.shape[:lead] != b.shape[:lead]:
        raise ValueError(
            f"{path!r}: 'a' is {a.shape} and 'b' {b.shape}; with {lead} axes of layers "
            "they do not fit each other"
        )
    left = (scale * a).reshape(*a.shape[:lead], -1, rank)
    right = b.reshape(*b.shape[:lead], rank, -1)
    return Factors(Dense(left), Dense(right))
