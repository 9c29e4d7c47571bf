"""Distributions of the teacher's features that the student's predict."""

import math

import jax
import jax.numpy as jnp

from jdistill.checks import above_zero, given, sizes
from jdistill.projections._layers import apply_dense, apply_norm, dense, need, norm
from jdistill.typing import Projection


def gaussian(
    *, hidden: int | None = None, init_variance: float | int = 5.0
) -> Projection:
    r"""Mean and raw variance of the teacher's features, for `losses.vid`.

    .. math:: \mu = \max(0, \max(0, x W_1) W_2) W_3, \quad
        \sigma^2 = \log(1 + e^\alpha)

    The products are along the last axis (1 x 1 convolutions), without biases; alpha is
    one number for each channel.

    Args:
        hidden: the width of both hidden layers; by default that of the other side's
            tap.
        init_variance: sigma squared to begin with, above 0.

    Returns:
        A projection `[batch, ..., channels] -> (mean [batch, ..., c_t], alpha
        [batch, 1, ..., c_t])`.

    Raises:
        ValueError: a number is out of range; when used, features without channels.

    References:
        Ahn et al., Variational information distillation for knowledge transfer, CVPR
        2019 (arXiv:1904.05835).

    Example:
        >>> student, teacher = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 4, 4, 5))
        >>> params = gaussian().init(jax.random.key(0), student, teacher)
        >>> mean, alpha = gaussian().apply(params, student, teacher)
        >>> mean.shape, alpha.shape, jax.nn.softplus(alpha[0, 0, 0, 0]).round(4).item()
        ((2, 4, 4, 5), (2, 1, 1, 5), 5.0)
    """
    sizes(**given(hidden=hidden))
    above_zero(init_variance=init_variance)
    raw = init_variance + math.log(-math.expm1(-init_variance))

    def init(key, feature, like):
        need(feature, like, at="gaussian", maps=False)
        out = like.shape[-1]
        widths = [feature.shape[-1], hidden or out, hidden or out, out]
        keys = jax.random.split(key, 3)
        mean = [
            dense(k, i, o, bias=False)
            for k, i, o in zip(keys, widths[:-1], widths[1:], strict=True)
        ]
        return {"mean": mean, "raw_variance": jnp.full(out, raw, jnp.float32)}

    def apply(params, feature, like, *, mask=None, key=None):
        first, second, third = params["mean"]
        mean = jax.nn.relu(apply_dense(first, feature))
        mean = apply_dense(third, jax.nn.relu(apply_dense(second, mean)))
        alpha = params["raw_variance"].reshape((1,) * (mean.ndim - 1) + (-1,))
        return mean, jnp.broadcast_to(alpha, (len(mean), *alpha.shape[1:]))

    return Projection(init, apply)


def variance_branch() -> Projection:
    r"""Mean and log variance of the teacher's features, for `losses.pad_l2`.

    .. math:: \mu = x W_1 + b_1, \quad
        \alpha = \gamma \frac{x W_2 - m}{\sqrt{v + 10^{-5}}} + \beta

    The products are along the last axis (1 x 1 convolutions). m and v are the mean and
    the variance of each channel over all positions of the batch's real examples, so an
    example's alpha is relative to the others'; there is one for each element of mu. In
    torchdistill, whose branch this is, mu is the student's feature itself: both sides
    are as wide there.

    Returns:
        A projection `[batch, ..., channels] -> (mu [batch, ..., c_t], alpha [batch,
        ..., c_t])`.

    Raises:
        ValueError: when used, features without channels.

    References:
        Zhang et al., Prime-aware adaptive distillation, ECCV 2020 (arXiv:2008.01458).

    Example:
        >>> student, teacher = jnp.ones((2, 3)), jnp.ones((2, 5))
        >>> params = variance_branch().init(jax.random.key(0), student, teacher)
        >>> mean, log_variance = variance_branch().apply(params, student, teacher)
        >>> mean.shape, log_variance.shape
        ((2, 5), (2, 5))
    """

    def init(key, feature, like):
        need(feature, like, at="variance_branch", maps=False)
        inputs, out = feature.shape[-1], like.shape[-1]
        first, second = jax.random.split(key)
        raw = dense(second, inputs, out, bias=False)
        return {"mean": dense(first, inputs, out), "spread": raw, "norm": norm(out)}

    def apply(params, feature, like, *, mask=None, key=None):
        raw = apply_dense(params["spread"], feature)
        alpha = apply_norm(params["norm"], raw, mask)
        return apply_dense(params["mean"], feature), alpha

    return Projection(init, apply)
