"""Penalties on parameters: one array in, one number out."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import whole
from jdistill.losses._checks import arrays


def l1(weights: Float[Array, "..."]) -> Float[Array, ""]:
    r"""The sum of magnitudes; it pushes single weights to exactly 0.

    .. math:: C = \sum_i |w_i|

    Args:
        weights: parameters of any shape.

    Returns:
        float32; its gradient at 0 is 0.

    References:
        Tibshirani, Regression shrinkage and selection via the lasso, Journal of the
        Royal Statistical Society B, 1996.

    Example:
        >>> l1(jnp.array([[1.0, -2.0]]))
        Array(3., dtype=float32)
    """
    arrays(weights=weights)
    weights = weights.astype(jnp.float32)
    return jnp.sum(weights * jnp.sign(weights))  # jnp.abs has the slope 1 at 0


def l2(weights: Float[Array, "..."]) -> Float[Array, ""]:
    r"""The sum of squares, without a half.

    .. math:: C = \sum_i w_i^2

    Args:
        weights: parameters of any shape.

    Returns:
        float32.

    References:
        Krogh, Hertz, A simple weight decay can improve generalization, NeurIPS 1991.

    Example:
        >>> l2(jnp.array([[1.0, -2.0]]))
        Array(5., dtype=float32)
    """
    arrays(weights=weights)
    return jnp.sum(jnp.square(weights.astype(jnp.float32)))


def group_lasso(weights: Float[Array, "..."], *, axis: int = -1) -> Float[Array, ""]:
    r"""The sum of the norms of groups; it pushes whole groups to 0.

    .. math:: C = \sum_g \sqrt{n_g} \, \lVert w_g \rVert_2

    Args:
        weights: parameters, one group for each index of `axis`.
        axis: the axis that counts groups; the last one is output units of a kernel.

    Returns:
        float32; the gradient of a group of zeros is 0.

    Raises:
        ValueError: `weights` has no such axis.

    References:
        Yuan, Lin, Model selection and estimation in regression with grouped variables,
        Journal of the Royal Statistical Society B, 2006.
        Wen et al., Learning structured sparsity in deep neural networks, NeurIPS 2016
        (arXiv:1608.03665).

    Example:
        >>> group_lasso(jnp.array([[3.0, 0.0], [4.0, 0.0]]), axis=1).round(3)
        Array(7.071, dtype=float32)
    """
    arrays(weights=weights)
    whole(axis=axis, least=-weights.ndim, most=weights.ndim - 1)
    groups = jnp.moveaxis(weights.astype(jnp.float32), axis, 0)
    groups = groups.reshape(groups.shape[0], math.prod(groups.shape[1:]))
    squares = jnp.sum(jnp.square(groups), axis=1)
    some = squares > 0  # the root has no finite slope at 0
    norms = jnp.where(some, jnp.sqrt(jnp.where(some, squares, 1.0)), 0.0)
    return jnp.sqrt(jnp.float32(groups.shape[1])) * jnp.sum(norms)
