"""Student levels fused from the deepest up, each shaped like the teacher's."""

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.checks import given, sizes
from jdistill.projections import _layers
from jdistill.projections._layers import apply_conv, apply_norm, norm, shapes
from jdistill.typing import Projection

UNPADDED = ((0, 0), (0, 0))
uniform = jax.nn.initializers.lecun_uniform()


def review(*, mid: int | None = None) -> Projection:
    r"""Levels of the student, each with what the deeper ones say, like the teacher's.

    .. math:: u_l = N(x_l * K^1_l), \quad (a, b) = \sigma([u_l, v_{l+1}] * A_l), \quad
        v_l = a u_l + b v_{l+1}, \quad y_l = N(v_l * K^3_l)

    From the deepest level, where v = u, to the shallowest. v_{l+1} is brought to the
    size of u_l, and v_l to the teacher's, by nearest neighbours. K^1 and A are 1 x 1,
    K^3 is 3 x 3, N is batch normalisation over the real examples, as in `conv_norm`.
    The outputs are for `losses.hierarchical_context`.

    Args:
        mid: the channels of u and v; by default those of the deepest level, at most
            512.

    Returns:
        A projection of a tuple of levels, the deepest last, each `[batch, height,
        width, channels]` or a vector `[batch, channels]`, to a tuple of the teacher's
        shapes.

    Raises:
        ValueError: `mid` is below 1; when used, another number of levels than the
            teacher's, or levels that are neither maps nor vectors.

    References:
        Chen et al., Distilling knowledge via knowledge review, CVPR 2021
        (arXiv:2104.09044).

    Example:
        >>> student = jnp.ones((2, 8, 8, 3)), jnp.ones((2, 4, 4, 6)), jnp.ones((2, 6))
        >>> teacher = jnp.ones((2, 8, 8, 5)), jnp.ones((2, 4, 4, 7)), jnp.ones((2, 7))
        >>> key, fuse = jax.random.key(0), review()
        >>> params = jax.eval_shape(fuse.init, key, student, teacher)
        >>> fused = jax.eval_shape(fuse.apply, params, student, teacher)
        >>> [level.shape for level in fused]
        [(2, 8, 8, 5), (2, 4, 4, 7), (2, 7)]
    """
    sizes(**given(mid=mid))

    def init(key, feature, like):
        _check(feature, like)
        width = mid or min(512, feature[-1].shape[-1])
        keys = jax.random.split(key, len(feature))
        deepest = len(feature) - 1
        return [
            _init_level(k, f.shape[-1], width, t.shape[-1], fuses=level < deepest)
            for level, (k, f, t) in enumerate(zip(keys, feature, like, strict=True))
        ]

    def apply(params, feature, like, *, mask=None, key=None):
        _check(feature, like)
        outputs, deeper = [], None
        for level, x, target in zip(
            params[::-1], feature[::-1], like[::-1], strict=True
        ):
            y, deeper = _apply_level(level, _as_map(x), deeper, _size(target), mask)
            outputs.append(y.reshape(len(y), *target.shape[1:]))
        return tuple(outputs[::-1])

    return Projection(init, apply)


def _init_level(key, inputs, mid, width, *, fuses):
    enter, leave, weigh = jax.random.split(key, 3)
    params = {
        "enter": _layers.conv(enter, (1, 1), inputs, mid, bias=False, kernel=uniform),
        "enter_norm": norm(mid),
        "leave": _layers.conv(leave, (3, 3), mid, width, bias=False, kernel=uniform),
        "leave_norm": norm(width),
    }
    if fuses:
        params["weigh"] = _layers.conv(weigh, (1, 1), 2 * mid, 2)
    return params


def _apply_level(params, x, deeper, size, mask):
    x = apply_conv(params["enter"], x, padding=UNPADDED)
    x = apply_norm(params["enter_norm"], x, mask)
    if "weigh" in params:
        deeper = _nearest(deeper, x.shape[1:3])
        both = jnp.concatenate([x, deeper], axis=-1)
        shares = jax.nn.sigmoid(apply_conv(params["weigh"], both, padding=UNPADDED))
        x = x * shares[..., :1] + deeper * shares[..., 1:]
    x = _nearest(x, size)
    return apply_norm(params["leave_norm"], apply_conv(params["leave"], x), mask), x


def _nearest(x, size):
    for axis, (ours, theirs) in enumerate(zip(x.shape[1:3], size, strict=True), 1):
        if ours != theirs:
            x = jnp.take(x, np.arange(theirs) * ours // theirs, axis=axis)
    return x


def _as_map(level):
    return level if level.ndim == 4 else level[:, None, None]


def _size(level):
    return level.shape[1:3] if level.ndim == 4 else (1, 1)


def _check(feature, like):
    tuples = isinstance(feature, tuple) and isinstance(like, tuple)
    if not tuples or len(feature) != len(like) or not feature:
        raise ValueError(
            f"review takes as many levels of both sides, got {shapes(feature)} for "
            f"{shapes(like)}"
        )
    if any(level.ndim not in (2, 4) for level in (*feature, *like)):
        raise ValueError(
            "review takes levels [batch, height, width, channels] or [batch, "
            f"channels], got {shapes(feature)} for {shapes(like)}"
        )
