"""Factors: a teacher's map in fewer channels, and the student's translation of it."""

import jax

from jdistill.checks import above_zero
from jdistill.projections import _layers
from jdistill.projections._layers import apply_conv, apply_norm, need, norm
from jdistill.projections._levels import each_level
from jdistill.typing import Projection

SLOPE = 0.1


def paraphraser(*, rate: float | int = 0.5) -> Projection:
    r"""A convolutional autoencoder of the teacher's map; gives its reconstruction.

    .. math:: y = D(E(x)), \quad E, D = \text{three 3 x 3 convolutions, each with a
        leaky ReLU of slope 0.1}

    It is trained first, on the teacher alone, with `losses.fitnet` of y and x. Its
    parameters are then those of `paraphraser_factor`. Nothing is normalised, so that a
    factor depends on its own example.

    Args:
        rate: channels of the factor over channels of the map, above 0.

    Returns:
        A projection of its own side's maps, `[batch, h, w, c] -> [batch, h, w, c]`.

    Raises:
        ValueError: `rate` is not above 0; when used, features that are no maps.

    References:
        Kim, Park, Kwak, Paraphrasing complex network: network compression via factor
        transfer, NeurIPS 2018 (arXiv:1802.04977).

    Example:
        >>> import jax.numpy as jnp
        >>> teacher = jnp.ones((2, 4, 4, 6))
        >>> key, auto = jax.random.key(0), paraphraser()
        >>> params = jax.eval_shape(auto.init, key, teacher, teacher)
        >>> jax.eval_shape(auto.apply, params, teacher, teacher).shape
        (2, 4, 4, 6)
    """

    def apply(params, feature, like, *, mask=None, key=None):
        return _convolve(params["decoder"], _convolve(params["encoder"], feature))

    return each_level(_autoencoder(rate), apply)


def paraphraser_factor(*, rate: float | int = 0.5) -> Projection:
    r"""The factor of the teacher's map, from a trained `paraphraser`.

    .. math:: y = E(x)

    It has the parameters of `paraphraser`, of which the decoder is not used. They are
    to be frozen while the student learns.

    Args:
        rate: channels of the factor over channels of the map, above 0.

    Returns:
        A projection of its own side's maps, `[batch, h, w, c] -> [batch, h, w, rate
        c]`.

    Raises:
        ValueError: `rate` is not above 0; when used, features that are no maps.

    References:
        Kim, Park, Kwak, Paraphrasing complex network: network compression via factor
        transfer, NeurIPS 2018 (arXiv:1802.04977).

    Example:
        >>> import jax.numpy as jnp
        >>> teacher = jnp.ones((2, 4, 4, 6))
        >>> key, auto = jax.random.key(0), paraphraser()
        >>> params = jax.eval_shape(auto.init, key, teacher, teacher)
        >>> factor = paraphraser_factor()
        >>> jax.eval_shape(factor.apply, params, teacher, teacher).shape
        (2, 4, 4, 3)
    """

    def apply(params, feature, like, *, mask=None, key=None):
        return _convolve(params["encoder"], feature)

    return each_level(_autoencoder(rate), apply)


def translator(*, rate: float | int = 0.5) -> Projection:
    r"""The student's map as a factor of the teacher's, for `losses.factor_transfer`.

    .. math:: y = \text{three 3 x 3 convolutions of } x \text{, each with batch
        normalisation and a leaky ReLU of slope 0.1}

    Statistics are those of the batch's real examples, as in `conv_norm`.

    Args:
        rate: channels of y over channels of the teacher's map: the paraphraser's.

    Returns:
        A projection `[batch, h, w, c] -> [batch, h, w, rate c_t]`.

    Raises:
        ValueError: `rate` is not above 0; when used, features that are no maps.

    References:
        Kim, Park, Kwak, Paraphrasing complex network: network compression via factor
        transfer, NeurIPS 2018 (arXiv:1802.04977).

    Example:
        >>> import jax.numpy as jnp
        >>> student, teacher = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 4, 4, 6))
        >>> key, translate = jax.random.key(0), translator()
        >>> params = jax.eval_shape(translate.init, key, student, teacher)
        >>> jax.eval_shape(translate.apply, params, student, teacher).shape
        (2, 4, 4, 3)
    """
    above_zero(rate=rate)

    def init(key, feature, like):
        need(feature, like, at="translator")
        width, out = feature.shape[-1], _factor(like, rate)
        params = _convolutions(key, (width, width, out, out))
        return [layer | {"norm": norm(layer["bias"].size)} for layer in params]

    def apply(params, feature, like, *, mask=None, key=None):
        x = feature
        for layer in params:
            x = apply_norm(layer["norm"], apply_conv(layer, x), mask)
            x = jax.nn.leaky_relu(x, SLOPE)
        return x

    return each_level(init, apply)


def _autoencoder(rate):
    above_zero(rate=rate)

    def init(key, feature, like):
        need(feature, feature, at="paraphraser")
        width, out = feature.shape[-1], _factor(feature, rate)
        down, up = jax.random.split(key)
        return {
            "encoder": _convolutions(down, (width, width, out, out)),
            "decoder": _convolutions(up, (out, out, width, width)),
        }

    return init


def _convolutions(key, widths):
    keys = jax.random.split(key, len(widths) - 1)
    return [
        _layers.conv(k, (3, 3), inputs, width, kernel=_layers.he)
        for k, inputs, width in zip(keys, widths[:-1], widths[1:], strict=True)
    ]


def _convolve(params, x):
    for layer in params:
        x = jax.nn.leaky_relu(apply_conv(layer, x), SLOPE)
    return x


def _factor(feature, rate):
    return max(1, int(feature.shape[-1] * rate))
