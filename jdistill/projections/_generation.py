"""The teacher's feature, generated from what a mask leaves of the student's."""

import jax
import jax.numpy as jnp

from jdistill.checks import fraction, one_of
from jdistill.projections import _layers
from jdistill.projections._layers import apply_conv, apply_dense, dense, need, row_keys
from jdistill.projections._levels import each_level
from jdistill.typing import Projection


def generation(*, mask_ratio: float | int = 0.65, per: str = "position") -> Projection:
    r"""A generator of the teacher's map from the student's masked one, for `mgd`.

    .. math:: y = \max(0, (m \odot x W) * K_1 + b_1) * K_2 + b_2, \quad
        m \sim \text{Bernoulli}(1 - \text{mask\_ratio})

    W (with a bias) is there where the widths differ. m is drawn for each example from
    `key`, so padding does not change it; without a key nothing is masked.

    Args:
        mask_ratio: the share that is masked, from 0 to below 1; the paper has 0.65 for
            detection, and 0.15 of the channels for classification.
        per: 'position' masks all channels of a position, 'channel' whole channels.

    Returns:
        A projection of maps of equal size, `[batch, h, w, c] -> [batch, h, w, c_t]`.

    Raises:
        ValueError: an option is out of range; when used, maps of different sizes.

    References:
        Yang et al., Masked generative distillation, ECCV 2022 (arXiv:2205.01529).

    Example:
        >>> student, teacher = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 4, 4, 5))
        >>> key, generate = jax.random.key(0), generation()
        >>> params = jax.eval_shape(generate.init, key, student, teacher)
        >>> jax.eval_shape(generate.apply, params, student, teacher, key=key).shape
        (2, 4, 4, 5)
    """
    fraction(mask_ratio=mask_ratio)
    one_of(("position", "channel"), per=per)

    def init(key, feature, like):
        _same_size(feature, like)
        inputs, width = feature.shape[-1], like.shape[-1]
        keys = jax.random.split(key, 3)
        align = {} if inputs == width else {"align": dense(keys[0], inputs, width)}
        return align | {
            "enter": _layers.conv(keys[1], (3, 3), width, width),
            "leave": _layers.conv(keys[2], (3, 3), width, width),
        }

    def apply(params, feature, like, *, mask=None, key=None):
        _same_size(feature, like)
        x = apply_dense(params["align"], feature) if "align" in params else feature
        if key is not None:
            x = jnp.where(_kept(key, x.shape, mask_ratio, per), x, 0.0)
        return apply_conv(params["leave"], jax.nn.relu(apply_conv(params["enter"], x)))

    return each_level(init, apply)


def _kept(key, shape, mask_ratio, per):
    batch, height, width, channels = shape
    one = (height, width, 1) if per == "position" else (1, 1, channels)
    draw = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - mask_ratio, one))
    return draw(row_keys(key, batch))


def _same_size(feature, like):
    need(feature, like, at="generation")
    if feature.shape[1:3] != like.shape[1:3]:
        raise ValueError(
            f"generation from {tuple(feature.shape)} to {tuple(like.shape)}: height "
            "and width must be equal"
        )
