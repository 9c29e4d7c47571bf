"""Other ways to compute a product: simulated and executed int8."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jdistill.ops._carry import at_operand, at_output
from jdistill.ops._op import Op
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

    Equals `simulate_int8` but for the last rounding, and has its gradient.

    Args:
        op: the product; one operand is a weight that is codes times `weight`.
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
            summed axes or cannot follow the parameter to the product.

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

    @jax.custom_jvp
    def execute(lhs, rhs):
        codes = [lhs, rhs]
        codes[data] = quantize(codes[data], _rank(activation, codes[data]))
        codes[1 - data] = quantize(codes[1 - data], weight)
        sums = product(*codes, preferred_element_type=jnp.int32, precision=None)
        scale = at_output(op, weight) * _rank(activation, sums)
        return (sums.astype(jnp.float32) * scale).astype(op.out.dtype)

    @execute.defjvp
    def tangent(primals, tangents):
        def simulate(lhs, rhs):
            return simulate_int8(op, lhs, rhs, product, aux)

        return execute(*primals), jax.jvp(simulate, primals, tangents)[1]

    return execute(lhs, rhs)


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
