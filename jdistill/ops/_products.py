"""What a function's products and opaque primitives read."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jdistill.ops._jaxpr import trace
from jdistill.ops._op import Op, Opaque
from jdistill.ops._walk import covered, refuse_closures, walk


def products(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[Op, ...]:
    """Every matrix product and convolution that `fn(*args)` performs.

    Products inside scan, while, cond, remat, jit, custom derivatives and shard_map are
    found too. Nothing is computed.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types (`jax.ShapeDtypeStruct`).
        weights: positions of the arguments that hold parameters. Paths are relative to
            the argument; if there are several they begin with its position.

    Returns:
        One `Op` for each product of the program, in order.

    Raises:
        ValueError: `weights` names an argument that is not there.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = lambda params, x: jnp.tanh(x @ params['kernel'].T)
        >>> (op,) = products(layer, {'kernel': jnp.ones((3, 2))}, jnp.ones((5, 2)))
        >>> op.key, op.kind, op.side, op.weight[0].axes
        ('kernel', 'dot_general', 1, ((1,), (0,)))
    """
    return tuple(f.op for f in walk(trace(fn, args), args, weights).found)


def weights(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[str, ...]:
    """Paths of the parameters that a product or convolution reads as its weight.

    Through reshape, transpose, cast, mask, slice and scan. An embedding that is only
    looked up is not among them; one that is also the output matrix is.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        The paths, sorted, each once.

    Raises:
        ValueError: products read arrays that `fn` closes over, and no parameter.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = lambda params, x: x @ params['kernel'] + params['bias']
        >>> weights(layer, {'bias': jnp.ones((1, 2)), 'kernel': jnp.ones((3, 2))},
        ...         jnp.ones((5, 3)))
        ('kernel',)
    """
    result = walk(trace(fn, args), args, weights)
    refuse_closures(result)
    return tuple(sorted(covered(result)))


def order(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[str, ...]:
    """Paths of the parameters in the order in which the function uses them.

    A parameter is used where it meets a value that depends on the other arguments: in
    a product, a sum, a lookup. Layers of a scan come once.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        The paths, each once; parameters that are not used are not among them.

    Example:
        >>> import jax.numpy as jnp
        >>> params = {'a': jnp.ones(2), 'b': jnp.ones((3, 2)), 'c': jnp.ones(2)}
        >>> order(lambda params, x: x @ params['b'] + params['a'][None],
        ...       params, jnp.ones((5, 3)))
        ('b', 'a')
    """
    return walk(trace(fn, args), args, weights).order


def uncovered(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[str, ...]:
    """Paths of the matrices among the parameters that no listed product reads.

    Embeddings, and weights that only opaque code reads.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        The paths of rank 2 or more, sorted.

    Example:
        >>> import jax.numpy as jnp
        >>> uncovered(lambda params, i: params['table'][i],
        ...           {'table': jnp.ones((9, 2))}, 3)
        ('table',)
    """
    result = walk(trace(fn, args), args, weights)
    matrices = {p for p, x in result.parameters.items() if np.ndim(x) >= 2}
    return tuple(sorted(matrices - covered(result)))


def opaque(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[Opaque, ...]:
    """The primitives that read parameters and cannot be looked into.

    Kernels of Pallas, foreign calls, callbacks, custom partitioning and batching.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        One `Opaque` for each.

    Example:
        >>> import jax.numpy as jnp
        >>> opaque(lambda w, x: x @ w, jnp.ones((3, 2)), jnp.ones((5, 3)))
        ()
    """
    return walk(trace(fn, args), args, weights).opaque
