"""One product that a function performs, and the parameter that it reads."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

PRODUCTS = ("dot_general", "conv_general_dilated", "ragged_dot_general")
"""The kinds of product: matrices, convolutions, mixtures of experts."""


class Weight(NamedTuple):
    """A parameter, and how it comes to an operand.

    * `path`: of the parameter.
    * `shape`: of the whole parameter, with the axes that layer scans slice.
    * `lead`: how many leading axes of it layer scans have sliced away.
    * `axes`: for each dimension of the operand, the axes of the parameter in it (none
      for one that a broadcast has added); None where arithmetic hides them.
    * `steps`: the reshapes, transposes and slices between parameter and operand, as
      functions of one array; None where there is arithmetic between them.
    * `layers`: the axes of the parameter that layer scans slice.
    * `dtype`: of the parameter.
    """

    path: str
    shape: tuple[int, ...]
    lead: int
    axes: tuple[tuple[int, ...], ...] | None
    steps: tuple[Callable[[Any], Any], ...] | None
    layers: tuple[int, ...] = ()
    dtype: Any = None


class Op(NamedTuple):
    """A matrix product or convolution.

    * `key`: names it: the path of its weight (several joined by '+'), or where it is
      and its kind; `#1`, `#2`... for further uses of the same weight.
    * `kind`: one of `dot_general`, `conv_general_dilated`, `ragged_dot_general`.
    * `pos`: where its equation is.
    * `module`: the named scopes around it (in linen the module path).
    * `inside`: what it is nested in: `scan`, `remat2`, `cond`..., outermost first.
    * `weight`: the parameters that its weight operand is made from.
    * `side`: which operand is the weight, 0 or 1; None for a product of two values
      that both depend on the batch, as in attention, or of two that do not.
    * `lead`: lengths of the layer scans around it, whose statistics are stacked.
    * `times`: how often it runs in one call; None in a loop of unknown length.
    * `avals`, `out`: shapes and types of both operands and of the result.
    * `params`: JAX's description: dimension numbers, strides, precision...
    """

    key: str
    kind: str
    pos: tuple[int, ...]
    module: str
    inside: tuple[str, ...]
    weight: tuple[Weight, ...]
    side: int | None
    lead: tuple[int, ...]
    times: int | None
    avals: tuple[Any, Any]
    out: Any
    params: Mapping[str, Any]


class Opaque(NamedTuple):
    """A primitive that reads parameters and cannot be looked into.

    * `primitive`: its name, such as `pallas_call`.
    * `module`: the named scopes around it.
    * `weights`: paths of the parameters that it reads.
    """

    primitive: str
    module: str
    weights: tuple[str, ...]


class Dims(NamedTuple):
    """The dimensions of one operand: shared with the other, summed over, kept.

    Example:
        >>> Dims((), (0,), (1,)).free
        (1,)
    """

    batch: tuple[int, ...]
    contract: tuple[int, ...]
    free: tuple[int, ...]


def dims_of(op: Op, side: int) -> Dims:
    """How the dimensions of an operand take part in the product.

    Of a convolution the batch and the channels, without the window: an input's
    `contract` is its channel, a kernel's its input channels and window.

    Args:
        op: the product.
        side: which operand, 0 or 1.

    Returns:
        Its dimensions by their part in the product.

    Example:
        >>> import jax.numpy as jnp
        >>> from jdistill import ops
        >>> op, = ops.products(lambda w, x: x @ w, jnp.ones((3, 2)), jnp.ones((5, 3)))
        >>> dims_of(op, 1)
        Dims(batch=(), contract=(0,), free=(1,))
    """
    rank = len(op.avals[side].shape)
    if op.kind == "conv_general_dilated":
        spec = op.params["dimension_numbers"]
        if side == 1:
            kernel = spec.rhs_spec
            return Dims((), tuple(kernel[1:]), (kernel[0],))
        return Dims((), (spec.lhs_spec[1],), (spec.lhs_spec[0], *spec.lhs_spec[2:]))
    if op.kind == "ragged_dot_general":
        numbers = op.params["ragged_dot_dimension_numbers"].dot_dimension_numbers
    else:
        numbers = op.params["dimension_numbers"]
    contract, batch = numbers
    used = (*batch[side], *contract[side])
    return Dims(
        tuple(batch[side]),
        tuple(contract[side]),
        tuple(d for d in range(rank) if d not in used),
    )
