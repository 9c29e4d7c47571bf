"""How much a function computes and reads."""

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from jdistill.ops._jaxpr import trace
from jdistill.ops._op import Op, dims_of
from jdistill.ops._walk import walk


class Cost(NamedTuple):
    """What one product, or a whole function, computes and moves in one call.

    * `multiply_adds`: pairs of a multiplication and an addition.
    * `weight_bytes`: bytes of weight operands, each time that they are read.
    * `activation_bytes`: bytes of other operands and of results, likewise.
    """

    multiply_adds: int
    weight_bytes: int
    activation_bytes: int


class Count(NamedTuple):
    """The cost of a function in all, and of each of its products by key."""

    total: Cost
    ops: dict[str, Cost]


def count(
    fn: Callable[..., Any],
    *args: Any,
    weights: Sequence[int] = (0,),
    trips: int | None = None,
) -> Count:
    r"""Multiply-adds and bytes of the products and convolutions of `fn(*args)`.

    A matrix product has as many multiply-adds as the sizes of its batch, free and
    summed dimensions multiplied; a convolution, result size times window times input
    channels of a group, over the product of its input dilation. Of the branches of a
    `cond` the costliest counts. Padding counts; elementwise work does not. Bytes are
    what products read and write at the operands' own types, not what caches save.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.
        trips: how often while loops run.

    Returns:
        The cost in all and by key.

    Raises:
        ValueError: there is a while loop and `trips` is not given.

    Example:
        >>> import jax.numpy as jnp
        >>> count(lambda w, x: x @ w, jnp.ones((3, 2)), jnp.ones((5, 3))).total
        Cost(multiply_adds=30, weight_bytes=24, activation_bytes=100)
    """
    found = walk(trace(fn, args), args, weights, trips).found
    ops = [f.op for f in found]
    costs = {op.key: _cost(op) for op in ops}
    return Count(_total(ops, costs, 0), costs)


def _total(ops: Sequence[Op], costs: dict[str, Cost], depth: int) -> Cost:
    """The sum over equations; of the branches of a `cond` the costliest one."""
    total = Cost(0, 0, 0)
    for _, group in groupby(ops, lambda op: op.pos[2 * depth]):
        inner = [*group]
        if len(inner[0].pos) == 2 * depth + 1:
            cost = costs[inner[0].key]
        else:
            by_branch = groupby(inner, lambda op: op.pos[2 * depth + 1])
            branches = [_total([*b], costs, depth + 1) for _, b in by_branch]
            alternatives = inner[0].inside[depth] == "cond"
            cost = max(branches) if alternatives else _sum(branches)
        total = _sum([total, cost])
    return total


def _sum(costs: Sequence[Cost]) -> Cost:
    return Cost(*(sum(column) for column in zip(*costs, strict=True)))


def _cost(op: Op) -> Cost:
    if op.times is None:
        raise ValueError(
            f"{op.key!r} is in a while loop, which runs an unknown number of times: "
            "give trips="
        )
    sizes = [_num_bytes(aval) for aval in op.avals]
    weight = 0 if op.side is None else sizes[op.side]
    moved = sum(sizes) - weight + _num_bytes(op.out)
    return Cost(op.times * _multiply_adds(op), op.times * weight, op.times * moved)


def _multiply_adds(op: Op) -> int:
    lhs, rhs = op.avals
    if op.kind == "conv_general_dilated":
        window = math.prod(rhs.shape[d] for d in dims_of(op, 1).contract)
        dilation = math.prod(op.params["lhs_dilation"])
        return math.prod(op.out.shape) * window // dilation
    if op.kind == "ragged_dot_general":
        groups = op.params["ragged_dot_dimension_numbers"].rhs_group_dimensions
        free = [d for d in dims_of(op, 1).free if d not in groups]
        return math.prod(lhs.shape) * math.prod(rhs.shape[d] for d in free)
    summed = math.prod(lhs.shape[d] for d in dims_of(op, 0).contract)
    return math.prod(op.out.shape) * summed


def _num_bytes(aval: Any) -> int:
    return math.prod(aval.shape) * aval.dtype.itemsize
