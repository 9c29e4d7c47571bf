"""How products read each weight, in the weight's own axes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jdistill.ops._jaxpr import trace
from jdistill.ops._op import Op, Weight, dims_of
from jdistill.ops._walk import refuse_closures, walk


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Use:
    """How the products of a function read one weight; each axis is of one kind.

    * `contracted`: axes that a product sums over. What shares a step size, and what
      an output is pruned among.
    * `kept`: axes that number the outputs.
    * `layers`: axes that number independent weights: those that a scan over layers
      slices, batch dimensions of a product (experts), and those that the program
      takes apart by index.
    * `keys`: of the products that read it (`Op.key`), in order.
    * `looked_up`: whether the batch also names entries of it, as of an embedding.

    An axis that several products treat differently is contracted if it is contracted
    once, and else kept. Where arithmetic hides the axes all of them are contracted.

    Example:
        >>> Use(contracted=(1,), kept=(0,))
        Use(contracted=(1,), kept=(0,), layers=(), keys=(), looked_up=False)
    """

    contracted: tuple[int, ...]
    kept: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    looked_up: bool = False


def uses(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> dict[str, Use]:
    """How products and convolutions of `fn(*args)` read each of its weights.

    Axes are followed through reshapes, transposes, slices, casts, scans and arithmetic
    entry by entry. A weight and its masked, scaled or low-rank changed form are one.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        Uses by the path of the weight, sorted.

    Raises:
        ValueError: products read arrays that `fn` closes over, and no parameter.

    Example:
        >>> import jax.numpy as jnp
        >>> uses(lambda params, x: x @ params['w'].T, {'w': jnp.ones((3, 2))},
        ...      jnp.ones((5, 2)))
        {'w': Use(contracted=(1,), kept=(0,), layers=(), keys=('w',), looked_up=False)}
    """
    result = walk(trace(fn, args), args, weights)
    refuse_closures(result)
    read: dict[str, list[tuple[Op, Weight]]] = {}
    for op in (found.op for found in result.found):
        for weight in op.weight:
            read.setdefault(weight.path, []).append((op, weight))
    return {p: _joined(read[p], p in result.looked_up) for p in sorted(read)}


def _joined(readers: Sequence[tuple[Op, Weight]], looked_up: bool) -> Use:
    kinds: dict[int, str] = {}
    for op, weight in readers:
        for axis, kind in _kinds(op, weight).items():
            kinds[axis] = _first(kind, kinds.get(axis, kind))
    axes = {
        kind: tuple(sorted(axis for axis, own in kinds.items() if own == kind))
        for kind in _KINDS
    }
    return Use(**axes, keys=tuple(op.key for op, _ in readers), looked_up=looked_up)


_KINDS = ("contracted", "kept", "layers")  # in the order of who wins an axis


def _first(*kinds: str) -> str:
    return min(kinds, key=_KINDS.index)


def _kinds(op: Op, weight: Weight) -> dict[int, str]:
    """The kind of each axis of a weight at one product."""
    # what is in no dimension of the operand was taken apart by index
    kinds = dict.fromkeys(range(len(weight.shape)), "layers")
    if weight.axes is None:
        hidden = set(kinds) - set(weight.layers)
        return kinds | dict.fromkeys(hidden, "contracted")
    for dim, kind in _operand_kinds(op).items():
        for axis in weight.axes[dim]:
            seen = any(axis in other for other in weight.axes[:dim])
            kinds[axis] = _first(kind, kinds[axis]) if seen else kind
    return kinds


def _operand_kinds(op: Op) -> dict[int, str]:
    side = op.side or 0
    dims = dims_of(op, side)
    kinds = dict.fromkeys(dims.free, "kept")
    kinds |= dict.fromkeys(dims.contract, "contracted")
    layers = dims.batch
    if op.kind == "ragged_dot_general":
        layers += tuple(op.params["ragged_dot_dimension_numbers"].rhs_group_dimensions)
    return kinds | dict.fromkeys(layers, "layers")
