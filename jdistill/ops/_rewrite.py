"""Other ways to compute a product: simulated and executed int8."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jdistill.ops._carry import at_operand, at_output
from jdistill.ops._op import Op, dims_of
from jdistill.ops._quantize import fake_quantize, quantize
from jdistill.ops._run import Product, interpret
from jdistill.tree import Where

Rule = Callable[[Op, Any, Any, Product, Any], Any]


def rewrite(
    fn: Callable[..., Any],
    rule: Rule,
    *,
    weights: Sequence[int] = (0,),
    where: Where = None,
) -> Callable[..., Any]:
    """A function that computes `fn` with its products computed by a rule.

    Args:
        fn: any function of arrays.
        rule: `(op, lhs, rhs, product, aux) -> out`, such as `simulate_int8`.
        weights: positions of the arguments that hold parameters.
        where: which products, as for `interpret`.

    Returns:
        `call(aux, *args) -> out`, `aux` by `op.key`. It can be differentiated, also by
        `aux`.

    Raises:
        ValueError: as `interpret`, and what the rule raises.

    Example:
        >>> half = lambda op, lhs, rhs, product, aux: product(lhs, rhs) / 2
        >>> rewrite(lambda w, x: x @ w, half)({}, jnp.ones((2, 1)), jnp.ones((1, 2)))
        Array([[1.]], dtype=float32)
    """

    def visit(op, lhs, rhs, product, aux):
        return rule(op, lhs, rhs, product, aux), None

    call = interpret(fn, visit, weights=weights, where=where)
    return lambda aux, *args: call(aux, *args)[0]


def simulate_int8(
    op: Op, lhs: Array, rhs: Array, product: Product, aux: Mapping[str, Any] | None
) -> Array:
    r"""The product of a weight with activations that are rounded to int8 values.

    .. math:: y = \hat x W, \quad \hat x = s_x clip(round(x / s_x), -127, 127)

    Args:
        op: the product; one operand is a weight, which comes rounded already.
        lhs: left operand.
        rhs: right operand.
        product: the original product.
        aux: `activation`, the step size s_x, one number (one per layer in a scan).

    Returns:
        y, of the type of the original product. Its gradient passes straight through
        the rounding inside the range.

    Raises:
        ValueError: no weight operand, no `activation`, or more than one number.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> call = rewrite(lambda w, x: x @ w['a'], simulate_int8)
        >>> aux = {'a': {'activation': jnp.array(0.5)}}
        >>> call(aux, {'a': jnp.ones((1, 1))}, jnp.array([[0.7]]))
        Array([[0.5]], dtype=float32)
    """
    operands = [lhs, rhs]
    data = _data(op)
    scale = _activation(op, aux)
    operands[data] = fake_quantize(operands[data], _rank(scale, operands[data]))
    return product(*operands)


def execute_int8(
    op: Op, lhs: Array, rhs: Array, product: Product, aux: Mapping[str, Any] | None
) -> Array:
    r"""The product in int8 codes with int32 sums.

    .. math:: y = s_x s_W \sum q(x / s_x) q(W / s_W)

    Equals `simulate_int8` but for the last rounding, and has its gradient. Where an
    activation is NaN, what is computed of it is NaN; of a convolution, all of the
    example, as integers do not say where it was. A parameter
    of int8 holds the codes themselves, so that no float weight is stored or rounded.
    Products of more terms than int32 holds are summed in parts.

    Args:
        op: the product; one operand is a weight that is codes times `weight`, or the
            codes, cast from an int8 parameter.
        lhs: left operand.
        rhs: right operand.
        product: the original product.
        aux: `activation`, the step size s_x; `weight`, the step sizes s_W, which
            broadcast to the parameter (in a scan over layers with its leading axis)
            and are the same along the axes that are summed over.

    Returns:
        y, of the type of the original product.

    Raises:
        ValueError: as `simulate_int8`; no `weight`, or step sizes that differ along
            summed axes or cannot follow the parameter to the product; a convolution
            or a mixture of experts that sums more than 133,144 terms.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> call = rewrite(lambda w, x: x @ w['a'], execute_int8)
        >>> aux = {'a': {'activation': jnp.array(0.5), 'weight': jnp.ones((1, 1))}}
        >>> call(aux, {'a': jnp.full((1, 1), 3.0)}, jnp.array([[0.7]]))
        Array([[1.5]], dtype=float32)
    """
    data = _data(op)
    activation = _activation(op, aux)
    if aux is None or "weight" not in aux:
        raise ValueError(f"aux[{op.key!r}] lacks 'weight', the weight's step sizes")
    weight = at_operand(op, jnp.asarray(aux["weight"], jnp.float32))

    stored = _is_codes(op)

    @jax.custom_jvp
    def execute(lhs, rhs):
        codes = [lhs, rhs]
        codes[data] = quantize(codes[data], _rank(activation, codes[data]))
        codes[1 - data] = (
            codes[1 - data].astype(jnp.int8)
            if stored
            else quantize(codes[1 - data], weight)
        )
        sums = _sums(op, product, *codes)
        scale = at_output(op, weight) * _rank(activation, sums)
        values = sums.astype(jnp.float32) * scale
        spoilt = _spoilt(op, data, (lhs, rhs)[data])  # codes have no NaN
        return jnp.where(spoilt, jnp.nan, values).astype(op.out.dtype)

    @execute.defjvp
    def tangent(primals, tangents):
        def simulate(*operands):
            values = [*operands]
            if stored:
                codes = values[1 - data]
                values[1 - data] = (codes * weight).astype(codes.dtype)
            return simulate_int8(op, values[0], values[1], product, aux)

        return execute(*primals), jax.jvp(simulate, primals, tangents)[1]

    return execute(lhs, rhs)


def _spoilt(op: Op, data: int, x: Array) -> Array:
    """Where the output has read a NaN; of a convolution, in which examples."""
    missing, rank = jnp.isnan(x), len(op.out.shape)
    dims, other = dims_of(op, data), dims_of(op, 1 - data)
    kept, shape = (*dims.batch, *dims.free), None
    if op.kind == "conv_general_dilated":
        kept, axis = kept[:1], op.params["dimension_numbers"].out_spec[0]
        alone = data == 0 and op.params["batch_group_count"] == 1
        shape = [1] * axis + [-1] + [1] * (rank - axis - 1) if alone else None
    elif rank == len(kept) + len(other.free):
        sizes = [x.shape[d] for d in kept]
        shared, ones = len(dims.batch), [1] * len(other.free)
        at = rank if data == 0 else shared
        shape = [*sizes[:at], *ones, *sizes[at:]]
    if shape is None:
        return missing.any()
    rest = tuple(d for d in range(x.ndim) if d not in kept)
    rows = jnp.transpose(missing, (*kept, *rest))
    return rows.any(axis=tuple(range(len(kept), x.ndim))).reshape(shape)


MOST_TERMS = (2**31 - 1) // 127**2
"""Products of two int8 codes that one int32 sum holds."""


def _sums(op, product, lhs, rhs):
    """The sums of products of codes: int32, or float32 of parts of it."""

    def part(lhs, rhs):
        return product(lhs, rhs, preferred_element_type=jnp.int32, precision=None)

    sides = [dims_of(op, side).contract for side in (0, 1)]
    terms = math.prod(rhs.shape[d] for d in sides[1])
    if terms <= MOST_TERMS:
        return part(lhs, rhs)
    longest = max(range(len(sides[1])), key=lambda i: rhs.shape[sides[1][i]])
    length = rhs.shape[sides[1][longest]]
    step = MOST_TERMS // (terms // length)
    if op.kind != "dot_general" or step == 0:
        raise ValueError(
            f"{op.key!r} sums {terms} products of int8 codes, and int32 holds "
            f"{MOST_TERMS}: leave it out with where="
        )
    first, second = (sides[side][longest] for side in (0, 1))

    def cut(x, axis, start):
        return lax.slice_in_dim(x, start, min(start + step, length), axis=axis)

    parts = [
        part(cut(lhs, first, i), cut(rhs, second, i)).astype(jnp.float32)
        for i in range(0, length, step)
    ]
    return functools.reduce(jnp.add, parts)


def _is_codes(op):
    dtypes = [weight.dtype for weight in op.weight]
    return len(dtypes) == 1 and dtypes[0] == jnp.int8


def _data(op):
    if op.side is None:
        raise ValueError(
            f"{op.key!r} reads no weight, and int8 products need one operand "
            "that is a weight"
        )
    return 1 - op.side


def _activation(op, aux):
    if aux is None or "activation" not in aux:
        raise ValueError(
            f"aux[{op.key!r}] lacks 'activation', the activations' step size; give one "
            "for each selected product or leave it out with where="
        )
    scale = jnp.asarray(aux["activation"])
    if scale.size != 1:
        raise ValueError(
            f"aux[{op.key!r}]['activation'] must be one number, not of shape "
            f"{scale.shape}"
        )
    return scale.reshape(())


def _rank(scale, x):
    return scale.reshape((1,) * x.ndim)
