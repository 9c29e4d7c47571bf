"""A weight's step sizes at its product: from the parameter to operand and output."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.ops._op import Op, Weight, dims_of
from jdistill.ops._scale import spread


def at_operand(op: Op, scale: Float[Array, "..."]) -> Float[Array, "..."]:
    """Step sizes that broadcast to a parameter, brought to its operand.

    The steps between parameter and operand are applied to the step sizes, which are
    then 1 long along the dimensions that the product sums over.

    Args:
        op: a product with a weight.
        scale: broadcastable to the parameter (to one layer of it in a scan).

    Returns:
        Step sizes of the operand's rank.

    Raises:
        ValueError: they differ along summed axes, or the way is not known.
    """
    rank = len(op.avals[op.side or 0].shape)
    if scale.size == 1:
        return scale.reshape((1,) * rank)
    if len(op.weight) != 1 or op.weight[0].steps is None:
        raise ValueError(
            f"arithmetic between the parameter and the product hides where the step "
            f"sizes of {op.key!r} belong: give one number"
        )
    weight = op.weight[0]
    summed = dims_of(op, op.side or 0).contract
    _check(op, weight, scale, summed)
    shape = weight.shape[weight.lead :]
    if not weight.steps:  # axes of one scale stay as they are
        pairs = zip(scale.shape, shape, strict=True)
        shape = tuple(1 if m == 1 else n for m, n in pairs)
    scale = spread(scale, shape)
    for step in weight.steps or ():
        scale = step(scale)
    first = tuple(slice(0, 1) if d in summed else slice(None) for d in range(rank))
    return scale[first]


def at_parameter(op: Op, values: Float[Array, "..."]) -> Float[Array, "..."]:
    """Values of a weight operand's entries, brought back to its parameter.

    Args:
        op: a product with a weight.
        values: broadcastable to the operand.

    Returns:
        float32 of the shape of the parameter (of one layer of it in a scan); 0 for
        entries that the product does not read.

    Raises:
        ValueError: the way from parameter to product is not known.
    """
    if len(op.weight) != 1 or op.weight[0].steps is None:
        raise ValueError(
            f"arithmetic between the parameter and the product hides which entries of "
            f"the parameter {op.key!r} reads"
        )
    weight = op.weight[0]

    def way(parameter):
        for step in weight.steps or ():
            parameter = step(parameter)
        return parameter

    shape = jax.ShapeDtypeStruct(weight.shape[weight.lead :], jnp.float32)
    values = jnp.broadcast_to(values, op.avals[op.side or 0].shape)
    return jax.linear_transpose(way, shape)(values)[0]


def at_output(op: Op, scale: Float[Array, "..."]) -> Float[Array, "..."]:
    """An operand's step sizes in the order of the result's dimensions.

    Args:
        op: a product with a weight.
        scale: of the operand's rank, 1 long along what the product sums over.

    Returns:
        Step sizes that broadcast to the result.

    Raises:
        ValueError: several step sizes in a mixture of experts.
    """
    rank = len(op.out.shape)
    if scale.size == 1:
        return scale.reshape((1,) * rank)
    side = op.side or 0
    if op.kind == "ragged_dot_general":
        raise ValueError(
            f"{op.key!r} is a ragged product: give one number as step size"
        )
    dims = dims_of(op, side)
    if op.kind == "conv_general_dilated":
        spec = op.params["dimension_numbers"]
        where = spec.out_spec[1 if side else 0]
        channel = (spec.rhs_spec if side else spec.lhs_spec)[0]
        shape = [1] * rank
        shape[where] = scale.shape[channel]
        return scale.reshape(shape)
    kept = jnp.transpose(scale, (*dims.batch, *dims.free, *dims.contract))
    batch = kept.shape[: len(dims.batch)]
    free = kept.shape[len(dims.batch) : len(dims.batch) + len(dims.free)]
    other = (1,) * (rank - len(batch) - len(free))
    return kept.reshape(*batch, *((*other, *free) if side else (*free, *other)))


def _check(op: Op, weight: Weight, scale: Array, summed: tuple[int, ...]) -> None:
    shape = weight.shape[weight.lead :]
    if scale.ndim != len(shape):
        raise ValueError(
            f"step sizes of {op.key!r} have shape {scale.shape}, which must have the "
            f"rank of the parameter, {shape}"
        )
    axes = weight.axes or ()
    for axis in {axis for d in summed for axis in axes[d]}:
        if scale.shape[axis - weight.lead] != 1:
            raise ValueError(
                f"step sizes of {op.key!r} differ along axis {axis} of the parameter, "
                "which the product sums over"
            )
