"""One calibration pass: ranges and second moments of what products read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jdistill.ops._carry import at_parameter
from jdistill.ops._op import Op, dims_of
from jdistill.ops._padding import counted, num_counted
from jdistill.ops._run import interpret
from jdistill.ops._scale import qmax, refuse_scale, step_size
from jdistill.tree import Where

Statistic = Callable[[Op, int, Any], Mapping[str, Any]]


def ranges(op: Op, side: int, x: Num[Array, "..."]) -> dict[str, Array]:
    r"""How far an operand reaches on both sides of 0.

    .. math:: p = \max(\max x, 0), \quad n = \max(-\min x, 0)

    Args:
        op: the product.
        side: which operand it is.
        x: the operand.

    Returns:
        `max_pos` and `max_neg`, float32 scalars.

    Example:
        >>> call = observe(lambda w, x: x @ w, statistics=(ranges,))
        >>> call(jnp.ones((2, 1)), jnp.array([[-3.0, 2.0]]))[1]['']
        {'max_neg': Array(3., dtype=float32), 'max_pos': Array(2., dtype=float32)}
    """
    x = x.astype(jnp.float32)
    return {
        "max_pos": jnp.max(x, initial=0.0),
        "max_neg": jnp.max(-x, initial=0.0),
    }


def second_moments(op: Op, side: int, x: Num[Array, "..."]) -> dict[str, Array]:
    r"""Sums of squares of the input channels, and over how many values.

    .. math:: m_c = \sum_i x_{ic}^2, \quad n = \sum_i 1

    Args:
        op: the product.
        side: which operand it is.
        x: the operand.

    Returns:
        `sum_squares`, float32 of the shape of the batch dimensions and the dimensions
        that are summed over; `sum_count`, a float32 scalar.

    Example:
        >>> call = observe(lambda w, x: x @ w, statistics=(second_moments,))
        >>> call(jnp.ones((2, 1)), jnp.array([[1.0, 2.0], [3.0, 4.0]]))[1]['']
        {'sum_count': Array(2., dtype=float32),
         'sum_squares': Array([10., 20.], dtype=float32)}
    """
    rows = _rows(op, side, x)
    return {
        "sum_squares": jnp.sum(jnp.square(rows), axis=0),
        "sum_count": jnp.float32(rows.shape[0]),
    }


def input_squares(op: Op, side: int, x: Num[Array, "..."]) -> dict[str, Array]:
    r"""Sums of squares of what each entry of the weight is multiplied with.

    .. math:: a_{ij} = \sum_n x_{nj}^2

    Of a convolution over the whole input channel, without regard to borders; of a
    mixture of experts over the rows of all of them.

    Args:
        op: the product, one operand of which is a weight.
        side: which operand `x` is.
        x: the other operand.

    Returns:
        `sum_squares`, float32 of the shape of the parameter, or of one layer of it.

    Raises:
        ValueError: arithmetic hides the way from the parameter to the product.

    Example:
        >>> call = observe(lambda w, x: x @ w.T, statistics=(input_squares,))
        >>> call(jnp.ones((1, 2)), jnp.array([[1.0, 2.0], [3.0, 4.0]]))[1]['']
        {'sum_squares': Array([[10., 20.]], dtype=float32)}
    """
    squares = second_moments(op, side, x)["sum_squares"]
    dims, rank = dims_of(op, 1 - side), len(op.avals[1 - side].shape)
    if op.kind == "conv_general_dilated":
        outputs, inputs = dims.free[0], dims.contract[0]
        parts = op.params["feature_group_count"]
        outer = op.avals[1 - side].shape[outputs] // parts
        squares = jnp.repeat(squares.reshape(parts, -1), outer, axis=0)
        order = (outputs, inputs)
    else:
        order = (*dims.batch, *dims.contract)
    shape = [1] * rank
    for dim, length in zip(order, squares.shape, strict=True):
        shape[dim] = length
    ascending = sorted(range(len(order)), key=order.__getitem__)
    squares = jnp.transpose(squares, ascending).reshape(shape)
    return {"sum_squares": at_parameter(op, squares)}


def gram(op: Op, side: int, x: Num[Array, "..."]) -> dict[str, Array]:
    r"""Products of all pairs of input channels, summed over examples.

    .. math:: G_{cd} = \sum_i x_{ic} x_{id}

    It takes 4 bytes for each pair and layer: select a few layers with `where`.

    Args:
        op: the product.
        side: which operand it is.
        x: the operand.

    Returns:
        `sum_gram`, float32 `[channels, channels]`, after the batch dimensions.

    Raises:
        ValueError: the product is a convolution, whose channels depend on the window.

    Example:
        >>> call = observe(lambda w, x: x @ w, statistics=(gram,))
        >>> call(jnp.ones((2, 1)), jnp.array([[1.0, 2.0], [3.0, 4.0]]))[1]['']
        {'sum_gram': Array([[10., 14.], [14., 20.]], dtype=float32)}
    """
    if op.kind == "conv_general_dilated":
        raise ValueError(f"gram is for matrix products; {op.key!r} is a convolution")
    dims = dims_of(op, side)
    rows = _rows(op, side, x)
    batch = rows.shape[1 : 1 + len(dims.batch)]
    rows = jax.lax.collapse(rows, 1 + len(batch))
    return {"sum_gram": jnp.einsum("n...c,n...d->...cd", rows, rows)}


def observe(
    fn: Callable[..., Any],
    *,
    weights: Sequence[int] = (0,),
    where: Where = None,
    statistics: Sequence[Statistic] = (ranges, second_moments),
    rows: Callable[..., Any] | None = None,
) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """A function that computes `fn` and statistics of what its products read.

    Of a product that reads a weight the other operand is observed; of a product of two
    activations both are, the right one under names that end in `_rhs`.

    Args:
        fn: any function of arrays.
        weights: positions of the arguments that hold parameters.
        where: which products, as for `interpret`.
        statistics: functions `(op, side, x) -> dict`; names begin with `max_` or
            `sum_`, and 0 stands for nothing seen.
        rows: gives of the arguments which rows count, `[batch]` or `[batch, steps]`, as
            `ops.rows` of a batch does; what is padding is then left out.

    Returns:
        `call(*args) -> (fn(*args), stats)`, `stats` by `op.key`, the path of the
        weight; join those of several batches with `merge`.

    Raises:
        ValueError: as `interpret`.

    Example:
        >>> call = observe(lambda w, x: x @ w['a'], statistics=(ranges,))
        >>> call({'a': jnp.ones((2, 1))}, jnp.array([[-1.0, 2.0]]))[1]
        {'a': {'max_neg': Array(1., dtype=float32),
               'max_pos': Array(2., dtype=float32)}}
    """

    def call(*args):
        counts = None if rows is None else rows(*args)

        def visit(op, lhs, rhs, product, aux):
            found = seen(op, lhs, rhs, statistics, counts)
            return product(lhs, rhs), found

        return interpret(fn, visit, weights=weights, where=where)({}, *args)

    return call


def seen(
    op: Op, lhs: Any, rhs: Any, statistics: Sequence[Statistic], rows: Any
) -> dict[str, Array]:
    """The statistics of what a product reads, rows of padding left out."""
    sides = (0, 1) if op.side is None else (1 - op.side,)
    found = {}
    for side in sides:
        x, counts = (lhs, rhs)[side], None
        if rows is not None:
            counts = counted(op, side, x, rows)
            x = jnp.where(counts, x, 0)
        suffix = "_rhs" if len(sides) == 2 and side == 1 else ""
        for statistic in statistics:
            values = dict(statistic(op, side, x))
            if counts is not None and "sum_count" in values:
                values["sum_count"] = num_counted(op, side, x, counts)
            found.update({name + suffix: x for name, x in values.items()})
    return dict(sorted(found.items()))


def activation_scales(
    stats: Mapping[str, Mapping[str, Any]], *, bits: int = 8
) -> dict[str, Float[Array, "..."]]:
    r"""Step sizes for observed ranges, symmetric about 0.

    .. math:: s = \max(p, n) / q_{max}, \quad s = 1 where nothing but 0 was seen

    Args:
        stats: what `observe` returns, with `max_pos` and `max_neg`.
        bits: bits of a code, 2 to 8.

    Returns:
        float32 step sizes by key; `[layers]` in a scan over layers, else scalars.

    Raises:
        ValueError: `bits` out of range; a product has no ranges; concrete ranges that
            are not finite or too small (traced ones give NaN).

    References:
        Krishnamoorthi, Quantizing deep convolutional networks for efficient
        inference: a whitepaper, 2018 (arXiv:1806.08342).

    Example:
        >>> seen = {'max_pos': jnp.array(254.0), 'max_neg': jnp.array(1.0)}
        >>> float(activation_scales({'a': seen})['a'])
        2.0
    """

    def scale(key, stat):
        if not {"max_pos", "max_neg"} <= set(stat):
            raise ValueError(f"{key!r} has no ranges: observe it with ops.ranges")
        largest = jnp.maximum(stat["max_pos"], stat["max_neg"])
        found = step_size(largest, qmax(bits))
        refuse_scale(key, found)
        return found

    return {key: scale(key, stat) for key, stat in stats.items()}


def _rows(op, side, x):
    """An operand as [examples, *batch, *contract] in float32."""
    dims = dims_of(op, side)
    kept = (*dims.batch, *dims.contract)
    x = jnp.transpose(x.astype(jnp.float32), (*dims.free, *kept))
    return x.reshape(-1, *x.shape[len(dims.free) :])
