"""Convolutions from a map of the student's size to one of the teacher's."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jdistill.projections import _layers
from jdistill.projections._layers import apply_conv, apply_norm, need, norm
from jdistill.projections._levels import each_level
from jdistill.typing import Projection


def conv() -> Projection:
    r"""A convolution to the other side's size and width.

    .. math:: y = x * K + b

    Each axis is taken from s to t positions, with r = s / t or t / s a whole number:

    * s = t: kernel 1
    * t = 1 and s > 2: kernel s, the whole axis
    * s = r t: kernel 2 r - 1, stride r
    * t = r s: transposed, kernel 2 r, stride r
    * another s > t: kernel 1 + s - t, no padding

    Of a tuple of taps each has its own.

    Returns:
        A projection `[batch, h, w, c] -> [batch, h_t, w_t, c_t]`.

    Raises:
        ValueError: when used, no maps, or a size that the other is no multiple of.

    References:
        Romero et al., FitNets: hints for thin deep nets, ICLR 2015 (arXiv:1412.6550).

    Example:
        >>> student, teacher = jnp.ones((2, 8, 8, 3)), jnp.ones((2, 4, 4, 5))
        >>> params = conv().init(jax.random.key(0), student, teacher)
        >>> params["kernel"].shape, conv().apply(params, student, teacher).shape
        ((3, 3, 3, 5), (2, 4, 4, 5))
    """

    def init(key, feature, like):
        size = [axis.kernel for axis in _axes(feature, like)]
        return _layers.conv(key, size, feature.shape[-1], like.shape[-1])

    def apply(params, feature, like, *, mask=None, key=None):
        return _resize(params, feature, like)

    return each_level(init, apply)


def conv_norm() -> Projection:
    r"""`conv` without bias, then batch normalisation, for features before a ReLU.

    .. math:: y = \gamma \frac{x * K - \mu}{\sqrt{\sigma^2 + 10^{-5}}} + \beta

    mu and sigma are those of each channel over all positions of the batch's real
    examples, always: a projection is for training alone. So a value depends on its
    batch, and on several devices on all of them (under `jax.jit`) or on its own (under
    `jax.pmap`). For maps of equal size it is the connector of OFD and AB.

    Returns:
        A projection `[batch, h, w, c] -> [batch, h_t, w_t, c_t]`.

    Raises:
        ValueError: when used, as `conv`.

    References:
        Heo et al., A comprehensive overhaul of feature distillation, ICCV 2019
        (arXiv:1904.01866).

    Example:
        >>> student, teacher = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 4, 4, 5))
        >>> key = jax.random.key(0)
        >>> params = jax.eval_shape(conv_norm().init, key, student, teacher)
        >>> params["conv"]["kernel"].shape, params["norm"]["scale"].shape
        ((1, 1, 3, 5), (5,))
    """
    return each_level(_init_normed, _apply_normed)


def regressor() -> Projection:
    r"""`conv_norm` and a ReLU, for hints taken after a ReLU.

    .. math:: y = \max(0, \text{conv\_norm}(x))

    Returns:
        A projection `[batch, h, w, c] -> [batch, h_t, w_t, c_t]`.

    Raises:
        ValueError: when used, as `conv`.

    References:
        Romero et al., FitNets: hints for thin deep nets, ICLR 2015 (arXiv:1412.6550).

    Example:
        >>> student, teacher = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 8, 8, 5))
        >>> key, regress = jax.random.key(0), regressor()
        >>> params = jax.eval_shape(regress.init, key, student, teacher)
        >>> jax.eval_shape(regress.apply, params, student, teacher).shape
        (2, 8, 8, 5)
    """

    def apply(params, feature, like, *, mask=None, key=None):
        return jax.nn.relu(_apply_normed(params, feature, like, mask=mask))

    return each_level(_init_normed, apply)


class _Axis(NamedTuple):
    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: tuple[int, int] = (0, 0)


def _axes(feature, like):
    need(feature, like, at="a convolution")
    axes = [_axis(feature.shape[i], like.shape[i]) for i in (1, 2)]
    if None in axes:
        raise ValueError(
            f"a convolution from {tuple(feature.shape)} to {tuple(like.shape)}: the "
            "larger size must be a multiple of the smaller"
        )
    return [axis for axis in axes if axis is not None]


def _axis(ours, theirs):
    if ours == theirs or (theirs == 1 and ours > 2):
        return _Axis(1 + ours - theirs)
    if ours % theirs == 0:
        ratio = ours // theirs
        return _Axis(2 * ratio - 1, ratio, padding=(ratio - 1, ratio - 1))
    if ours > theirs:
        return _Axis(1 + ours - theirs)
    if theirs % ours == 0:
        ratio = theirs // ours
        both = 3 * ratio - 2
        padding = both // 2, both - both // 2
        return _Axis(2 * ratio, dilation=ratio, padding=padding)
    return None


def _resize(params, feature, like):
    height, width = _axes(feature, like)
    return apply_conv(
        params,
        feature,
        strides=(height.stride, width.stride),
        padding=(height.padding, width.padding),
        dilation=(height.dilation, width.dilation),
    )


def _init_normed(key, feature, like):
    size = [axis.kernel for axis in _axes(feature, like)]
    inputs, width = feature.shape[-1], like.shape[-1]
    kernel = _layers.conv(key, size, inputs, width, bias=False, kernel=_layers.he)
    return {"conv": kernel, "norm": norm(width)}


def _apply_normed(params, feature, like, *, mask=None, key=None):
    y = _resize(params["conv"], feature, like)
    return apply_norm(params["norm"], jnp.asarray(y), mask)
