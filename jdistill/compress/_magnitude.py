"""Magnitude pruning: the smallest weights go, per tensor or over all of them."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jdistill import tree
from jdistill.compress._mask import masking
from jdistill.compress._threshold import largest, largest_each, rank_bits
from jdistill.compress._values import check_fraction
from jdistill.typing import Compression, value_at


def magnitude(
    *,
    sparsity: Any,
    where: tree.Where = None,
    every: int = 100,
    stacked: tree.Where = None,
) -> Compression:
    r"""Keeps the largest weights of each tensor.

    .. math:: k = round((1 - s) n), \quad
        m_i = [|w_i| \text{ is one of the } k \text{ largest of its tensor}]

    Exactly `k` weights stay; ties go to the lowest index. A weight once masked comes
    back only if the sparsity falls. Sharded weights are never gathered.

    Args:
        sparsity: the fraction of zeros `s`, a number (also traced) or a schedule.
        where: which parameters, as a regular expression of whole paths or a collection
            of paths; the weights of products and convolutions by default.
        every: steps between two choices of the mask.
        stacked: which of them carry a leading axis of layers (`nn.scan`); `k` then
            counts within each layer.

    Returns:
        A compression of kind `mask`, with no learned leaves.

    Raises:
        ValueError: `sparsity` not in [0, 1), `every` less than 1, or `where` or
            `stacked` match nothing.

    References:
        Zhu and Gupta, To prune, or not to prune, 2017 (arXiv:1710.01878);
        Han et al., Learning both weights and connections for efficient neural
        networks, NeurIPS 2015 (arXiv:1506.02626).

    Example:
        >>> c = magnitude(sparsity=0.5, where='w')
        >>> params = {'w': jnp.array([3.0, -1.0, 2.0, -4.0])}
        >>> params, learned, state = c.update(params, *c.init(params), step=0)
        >>> c.apply(params, learned, state)
        {'w': Array([ 3.,  0.,  0., -4.], dtype=float32)}
    """
    check_fraction("sparsity", sparsity)

    def choose(weights, masks, step):
        layered = tree.select(weights, stacked) if stacked else frozenset()
        value = value_at(sparsity, step)

        def mask(path, w):
            layers = int(path in layered)
            kept = _kept(value, int(np.prod(w.shape[layers:])))
            return largest_each(_ranks(w, masks[path]), kept, layers=layers)

        return {path: mask(path, w) for path, w in weights.items()}

    return masking(choose, where=where, every=every)


def global_magnitude(
    *, sparsity: Any, where: tree.Where = None, every: int = 100
) -> Compression:
    r"""Keeps the largest weights of all tensors together.

    .. math:: k = round((1 - s) \sum_l n_l), \quad
        m_i = [|w_i| \text{ is one of the } k \text{ largest of all}]

    One threshold for all tensors: those with large weights keep more. Counts are
    added over the tensors, which are never joined.

    Args:
        sparsity: the fraction of zeros `s`, a number (also traced) or a schedule.
        where: which parameters; the weights of products and convolutions by default.
        every: steps between two choices of the mask.

    Returns:
        A compression of kind `mask`, with no learned leaves.

    Raises:
        ValueError: `sparsity` not in [0, 1), `every` less than 1, `where` matches
            nothing, or there are 2^31 weights or more.

    References:
        Han et al., Learning both weights and connections for efficient neural
        networks, NeurIPS 2015 (arXiv:1506.02626).

    Example:
        >>> c = global_magnitude(sparsity=0.5, where='.*')
        >>> params = {'a': jnp.array([3.0, -1.0]), 'b': jnp.array([2.0, -4.0])}
        >>> params, learned, state = c.update(params, *c.init(params), step=0)
        >>> c.apply(params, learned, state)
        {'a': Array([3., 0.], dtype=float32), 'b': Array([ 0., -4.], dtype=float32)}
    """
    check_fraction("sparsity", sparsity)

    def choose(weights, masks, step):
        kept = _kept(value_at(sparsity, step), tree.count(weights))
        ranks = [_ranks(w, masks[path]) for path, w in weights.items()]
        return dict(zip(weights, largest(ranks, kept), strict=True))

    return masking(choose, where=where, every=every)


def _ranks(w: Any, mask: Any) -> Any:
    # below every weight that is alive, also one that is 0 itself
    return jnp.where(mask, rank_bits(jnp.asarray(w)), -1)


def _kept(sparsity: Any, size: int) -> Any:
    if size >= 2**31:
        raise ValueError(f"counts have 31 bits: cannot prune {size} weights together")
    if isinstance(sparsity, int | float):
        return round((1 - sparsity) * size)
    kept = jnp.round((1 - jnp.asarray(sparsity)) * size)
    return jnp.clip(kept, 0, size).astype(jnp.int32)
