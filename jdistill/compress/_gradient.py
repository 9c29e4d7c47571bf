"""What a compression does to gradients and to the steps of an optimiser."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.typing import Compression, Tree


def pull_back(
    compression: Compression, params: Tree, learned: Tree, state: Tree, grads: Tree
) -> tuple[Tree, Tree]:
    r"""Gradients at the applied parameters, brought back to what is trained.

    .. math:: (g_w, g_\lambda) = (\partial \hat w / \partial (w, \lambda))^T g, \quad
        \hat w = apply(w, \lambda)

    Args:
        compression: what makes the applied parameters.
        params: the raw parameters, `w`.
        learned: the learned leaves of the compression.
        state: its state.
        grads: gradients at the applied parameters, like `params`.

    Returns:
        The gradients of `params` and of `learned`; 0 for what is not floating point.

    Example:
        >>> c = Compression(None, None, lambda p, l, s: p * s, None, None)
        >>> pull_back(c, jnp.array([5.0, 6.0]), (), jnp.array([0.0, 2.0]), jnp.ones(2))
        (Array([0., 2.], dtype=float32), ())
    """
    applied, back = jax.vjp(
        lambda p, x: compression.apply(p, x, state), params, learned
    )
    pulled = back(jax.tree.map(_cotangent, applied, grads))
    return jax.tree.map(_gradient, (params, learned), pulled)


def masked(updates: Tree, trainable: Tree) -> Tree:
    """The steps of an optimiser, 0 where a leaf may not move.

    Args:
        updates: steps to be added to parameters.
        trainable: like `updates`; True, False or an array of booleans each.

    Returns:
        The steps that are allowed.

    Example:
        >>> masked({'a': jnp.ones(2)}, {'a': jnp.array([True, False])})
        {'a': Array([1., 0.], dtype=float32)}
    """

    def allowed(update, moves):
        return update if moves is True else jnp.where(moves, update, 0)

    return jax.tree.map(allowed, updates, trainable)


def _cotangent(x: Any, g: Any) -> Any:
    if jnp.issubdtype(jnp.result_type(x), jnp.inexact):
        return jnp.asarray(g, jnp.result_type(x))
    return np.zeros(jnp.shape(x), jax.dtypes.float0)


def _gradient(x: Any, g: Any) -> Any:
    return g if g.dtype != jax.dtypes.float0 else jnp.zeros_like(x)
