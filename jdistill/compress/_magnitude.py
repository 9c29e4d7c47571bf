"""Magnitude pruning: the smallest weights go, per layer or over all of them."""

import math
from typing import Any

import jax.numpy as jnp

from jdistill import tree
from jdistill.compress._mask import masking
from jdistill.compress._threshold import kept_of, largest, largest_each, rank_bits
from jdistill.compress._uses import from_front, to_front
from jdistill.typing import Compression


def magnitude(
    *,
    sparsity: Any,
    where: tree.Where = None,
    every: int = 100,
) -> Compression:
    r"""Keeps the largest weights of each layer.

    .. math:: k = round((1 - s) n), \quad
        m_i = [|w_i| \text{ is one of the } k \text{ largest of its layer}]

    A tensor is one layer, or as many as are stacked in it: layers of a scan, experts
    of a batched product (`ops.Use`).

    Exactly `k` weights stay; ties go to the lowest index. A weight once masked comes
    back only if the sparsity falls. Sharded weights are never gathered.

    Args:
        sparsity: the fraction of zeros `s`, a number (also traced) or a schedule.
        where: which parameters, as a regular expression of whole paths or a collection
            of paths; by default the weights of products and convolutions, without
            those that are looked up in (embeddings and heads tied to them).
        every: steps between two choices of the mask; the last value of a schedule is
            reached also where no multiple of `every` follows it.

    Returns:
        A compression of kind `mask`, with no learned leaves.

    Raises:
        ValueError: `sparsity` not in [0, 1), also of a schedule at a concrete step
            (traced, the weights become NaN), `every` less than 1, `where` matches
            nothing, or a weight is not finite.

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

    def choose(at):
        def mask(path, w):
            layers = at.uses[path].layers
            ranks = to_front(_ranks(w, at.masks[path]), layers)
            kept = kept_of(at.goal, math.prod(ranks.shape[len(layers) :]))
            return from_front(largest_each(ranks, kept, layers=len(layers)), layers)

        return {path: mask(path, w) for path, w in at.weights.items()}

    return masking(choose, where=where, every=every, goal=sparsity)


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
        where: which parameters, as for `magnitude`.
        every: steps between two choices of the mask, as for `magnitude`.

    Returns:
        A compression of kind `mask`, with no learned leaves.

    Raises:
        ValueError: as `magnitude`.

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

    def choose(at):
        kept = kept_of(at.goal, tree.count(at.weights))
        ranks = [_ranks(w, at.masks[path]) for path, w in at.weights.items()]
        return dict(zip(at.weights, largest(ranks, kept), strict=True))

    return masking(choose, where=where, every=every, goal=sparsity)


def _ranks(w: Any, mask: Any) -> Any:
    # below every weight that is alive, also one that is 0 itself
    return jnp.where(mask, rank_bits(jnp.asarray(w)), -1)
