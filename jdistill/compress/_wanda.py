"""Wanda: pruning by magnitude times the norm of the input."""

import math
from typing import Any

import jax.numpy as jnp

from jdistill import ops, tree
from jdistill.checks import whole
from jdistill.compress._mask import masking
from jdistill.compress._threshold import kept_of, largest_each, rank_bits
from jdistill.compress._uses import (
    from_front,
    layer_of,
    to_front,
    use_of_layer,
    with_layer,
)
from jdistill.ops import Use
from jdistill.typing import Compression


def wanda(
    *,
    sparsity: Any = None,
    n: int | None = None,
    m: int | None = None,
    where: tree.Where = None,
) -> Compression:
    r"""Keeps, for each output, the weights of largest magnitude times input norm.

    .. math:: S_{ij} = |W_{ij}| \, \lVert X_j \rVert_2, \quad
        m_{ij} = [S_{ij} \text{ is one of the } k \text{ largest of row } i]

    with `k = round((1 - s) inputs)`, or the `n` largest of each `m` consecutive
    inputs. The norms come from `train.compress_now`: without statistics nothing is
    masked.

    Args:
        sparsity: the fraction of zeros `s`; left out where `n` and `m` are given.
        n: how many of `m` consecutive inputs stay.
        m: the length of such a group; divides the inputs of each output.
        where: which parameters, as for `magnitude`.

    Returns:
        A compression of kind `mask`, with no learned leaves.

    Raises:
        ValueError: neither or both of `sparsity` and `n`, `m`; out of range; `m` does
            not divide the inputs of a weight.

    References:
        Sun et al., A simple and effective pruning approach for large language models,
        ICLR 2024 (arXiv:2306.11695).

    Example:
        >>> from jdistill.typing import Observed
        >>> c, params = wanda(sparsity=0.5, where='w'), {'w': jnp.array([[3.0], [2.0]])}
        >>> seen = Observed((), (), {'sum_squares': jnp.array([[1.0], [9.0]])})
        >>> c.update(params, *c.init(params), step=0, stats={'w': seen})[0]
        {'w': Array([[0.],
               [2.]], dtype=float32)}
    """
    _check(sparsity, n, m)

    def choose(at):
        masks = dict(at.masks)
        for path, seen in (at.stats or {}).items():
            if path not in masks:
                continue
            old, w = (layer_of(x, seen) for x in (masks[path], at.weights[path]))
            score = jnp.abs(w) * jnp.sqrt(seen.values["sum_squares"])
            ranks = jnp.where(old, rank_bits(score), -1)
            new = _kept(path, ranks, use_of_layer(at.uses[path], seen), at.goal, n, m)
            masks[path] = with_layer(masks[path], seen, new)
        return masks

    return masking(
        choose,
        where=where,
        every=None,
        goal=0.0 if sparsity is None else sparsity,
        statistics=(ops.input_squares,),
    )


def _kept(path: str, ranks: Any, use: Use, sparsity: Any, n: Any, m: Any) -> Any:
    """The mask of a layer, chosen apart for each output."""
    outer = (*use.layers, *use.kept)
    rows = to_front(ranks, outer)
    inputs = math.prod(rows.shape[len(outer) :])
    if n is None:
        chosen = largest_each(rows, kept_of(sparsity, inputs), layers=len(outer))
        return from_front(chosen, outer)
    if inputs % m:
        raise ValueError(f"m={m} does not divide the {inputs} inputs of {path!r}")
    groups = rows.reshape(*rows.shape[: len(outer)], -1, m)
    chosen = largest_each(groups, n, layers=len(outer) + 1)
    return from_front(chosen.reshape(rows.shape), outer)


def _check(sparsity: Any, n: int | None, m: int | None) -> None:
    if (sparsity is None) == (n is None) or (n is None) != (m is None):
        raise ValueError(f"give sparsity, or n and m, got {sparsity=}, {n=}, {m=}")
    if n is not None and m is not None:
        whole(m=m)
        whole(n=n, most=m)
