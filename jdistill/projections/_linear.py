"""Projections along the last axis."""

import math

import jax
import jax.numpy as jnp

from jdistill.checks import given, sizes
from jdistill.projections._layers import apply_dense, dense, need
from jdistill.projections._levels import each_level
from jdistill.typing import Projection


def linear(*, dim: int | None = None) -> Projection:
    r"""An affine map along the last axis.

    .. math:: y = x W + b

    Of vectors, of each token of a sequence, or of each position of a map, where it is a
    1 x 1 convolution. W is LeCun normal, b zero. Of a tuple of taps each has its own.

    Args:
        dim: the width of y; by default that of the other side's tap.

    Returns:
        A projection `[batch, ..., channels] -> [batch, ..., dim]`.

    Raises:
        ValueError: `dim` is below 1; when used, features without channels.

    References:
        Jiao et al., TinyBERT: distilling BERT for natural language understanding,
        Findings of EMNLP 2020 (arXiv:1909.10351).

    Example:
        >>> student, teacher = jnp.ones((2, 7, 3)), jnp.ones((2, 7, 5))
        >>> project = linear()
        >>> params = project.init(jax.random.key(0), student, teacher)
        >>> project.apply(params, student, teacher).shape
        (2, 7, 5)
    """
    sizes(**given(dim=dim))

    def init(key, feature, like):
        need(feature, like, at="linear", maps=False)
        return dense(key, feature.shape[-1], dim or like.shape[-1])

    def apply(params, feature, like, *, mask=None, key=None):
        return apply_dense(params, feature)

    return each_level(init, apply)


def mlp(*, width: int | None = None, dim: int | None = None) -> Projection:
    r"""Two affine maps along the last axis with a ReLU between them.

    .. math:: y = \max(0, x W_1 + b_1) W_2 + b_2

    Args:
        width: the number of hidden units; by default twice the width of y.
        dim: the width of y; by default that of the other side's tap.

    Returns:
        A projection `[batch, ..., channels] -> [batch, ..., dim]`.

    Raises:
        ValueError: a size is below 1; when used, features without channels.

    Example:
        >>> student, teacher = jnp.ones((2, 3)), jnp.ones((2, 5))
        >>> params = jax.eval_shape(mlp().init, jax.random.key(0), student, teacher)
        >>> params["enter"]["kernel"].shape, params["leave"]["kernel"].shape
        ((3, 10), (10, 5))
    """
    sizes(**given(width=width, dim=dim))

    def init(key, feature, like):
        need(feature, like, at="mlp", maps=False)
        first, second = jax.random.split(key)
        out = dim or like.shape[-1]
        hidden = width or 2 * out
        enter = dense(first, feature.shape[-1], hidden)
        return {"enter": enter, "leave": dense(second, hidden, out)}

    def apply(params, feature, like, *, mask=None, key=None):
        return apply_dense(
            params["leave"], jax.nn.relu(apply_dense(params["enter"], feature))
        )

    return each_level(init, apply)


def embed(*, dim: int = 128) -> Projection:
    r"""A point on the unit sphere for each example, for contrastive losses.

    .. math:: y = \frac{x W + b}{\lVert x W + b \rVert_2}

    x are all numbers of an example, so a map should be pooled before it. Both sides
    take the same `dim`.

    Args:
        dim: the width of y.

    Returns:
        A projection `[batch, ...] -> [batch, dim]`.

    Raises:
        ValueError: `dim` is below 1; when used, features without channels.

    References:
        Tian, Krishnan, Isola, Contrastive representation distillation, ICLR 2020
        (arXiv:1910.10699).

    Example:
        >>> student, teacher = jnp.ones((2, 3)), jnp.ones((2, 5))
        >>> params = embed(dim=4).init(jax.random.key(0), student, teacher)
        >>> y = embed(dim=4).apply(params, student, teacher)
        >>> y.shape, jnp.linalg.norm(y, axis=-1).round(4).tolist()
        ((2, 4), [1.0, 1.0])
    """
    sizes(**given(dim=dim))

    def init(key, feature, like):
        need(feature, like, at="embed", maps=False)
        return dense(key, math.prod(feature.shape[1:]), dim)

    def apply(params, feature, like, *, mask=None, key=None):
        y = apply_dense(params, jax.lax.collapse(feature, 1))
        squares = jnp.sum(y**2, axis=-1, keepdims=True)
        return y / jnp.sqrt(jnp.maximum(squares, 1e-12))

    return each_level(init, apply)
