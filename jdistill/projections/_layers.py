"""Layers without a framework: dictionaries of parameters, statistics of the batch."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import initializers

lecun = initializers.lecun_normal()
he = initializers.variance_scaling(2.0, "fan_out", "normal")
SAME = ((1, 1), (1, 1))
EPSILON = 1e-5


def need(feature: Any, like: Any, *, at: str, maps: bool = True) -> None:
    """Refuses what is not a feature map, or not an array with examples and channels.

    Raises:
        ValueError: with both shapes.

    Example:
        >>> need(jnp.ones((2, 3)), jnp.ones((2, 5)), at="linear", maps=False)
    """
    form = "[batch, height, width, channels]" if maps else "[batch, ..., channels]"
    ranks = {getattr(side, "ndim", 0) for side in (feature, like)}
    wrong = ranks != {4} if maps else min(ranks) < 2
    if wrong:
        raise ValueError(
            f"{at} takes features {form}, got {shapes(feature)} for {shapes(like)}"
        )


def shapes(taps: Any) -> str:
    """The shapes of a tap or of a tuple of taps, for messages.

    Example:
        >>> shapes((jnp.ones(2), jnp.ones((1, 3))))
        '((2,), (1, 3))'
    """
    return str(jax.tree.map(lambda tap: tuple(tap.shape), taps))


def dense(key: Any, inputs: int, width: int, *, bias: bool = True) -> dict[str, Any]:
    """Parameters of a product along the last axis.

    Example:
        >>> dense(jax.random.key(0), 3, 2)["kernel"].shape
        (3, 2)
    """
    params = {"kernel": lecun(key, (inputs, width), jnp.float32)}
    return params | ({"bias": jnp.zeros(width)} if bias else {})


def conv(
    key: Any, size: Sequence[int], inputs: int, width: int, *, bias=True, kernel=lecun
) -> dict[str, Any]:
    """Parameters of a convolution.

    Example:
        >>> conv(jax.random.key(0), (3, 3), 4, 2)["kernel"].shape
        (3, 3, 4, 2)
    """
    params = {"kernel": kernel(key, (*size, inputs, width), jnp.float32)}
    return params | ({"bias": jnp.zeros(width)} if bias else {})


def norm(channels: int) -> dict[str, Any]:
    """Parameters of a batch normalisation.

    Example:
        >>> sorted(norm(2))
        ['bias', 'scale']
    """
    return {"scale": jnp.ones(channels), "bias": jnp.zeros(channels)}


def apply_dense(params: Any, x: Any) -> Any:
    """The product, in float32.

    Example:
        >>> apply_dense({"kernel": 2 * jnp.ones((1, 1))}, jnp.ones((1, 1))).item()
        2.0
    """
    return _shift(params, x.astype(jnp.float32) @ params["kernel"])


def apply_conv(
    params: Any, x: Any, *, strides=(1, 1), padding=SAME, dilation=(1, 1)
) -> Any:
    """The convolution, in float32; `dilation` of the input makes it a transposed one.

    Example:
        >>> params = conv(jax.random.key(0), (3, 3), 1, 2)
        >>> apply_conv(params, jnp.ones((1, 4, 4, 1))).shape
        (1, 4, 4, 2)
    """
    y = jax.lax.conv_general_dilated(
        x.astype(jnp.float32),
        params["kernel"],
        strides,
        padding,
        lhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return _shift(params, y)


def apply_norm(params: Any, x: Any, mask: Any = None) -> Any:
    """Each channel with the mean 0 and the variance 1 of the real examples.

    Example:
        >>> x = jnp.array([[1.0], [3.0], [9.0]])
        >>> apply_norm(norm(1), x, jnp.array([1, 1, 0])).round(2).ravel()
        Array([-1.,  1.,  7.], dtype=float32)
    """
    axes = tuple(range(x.ndim - 1))
    real = jnp.ones(x.shape[:1]) if mask is None else jnp.asarray(mask, jnp.float32)
    real = real.reshape(real.shape + (1,) * (x.ndim - real.ndim))
    count = jnp.sum(jnp.broadcast_to(real, (*x.shape[:-1], 1)))
    seen = jnp.where(real > 0, x, 0.0)
    mean = jnp.sum(seen * real, axes, keepdims=True) / jnp.maximum(count, 1.0)
    apart = jnp.where(real > 0, x - mean, 0.0)
    spread = jnp.sum(apart**2 * real, axes, keepdims=True) / jnp.maximum(count, 1.0)
    scale = _along(params["scale"], x) / jnp.sqrt(spread + EPSILON)
    return (x - mean) * scale + _along(params["bias"], x)


def row_keys(key: Any, rows: int) -> Any:
    """A key for each example, the same one however many come after it.

    Example:
        >>> row_keys(jax.random.key(0), 3).shape
        (3,)
    """
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(rows))


def _shift(params, y):
    return y + _along(params["bias"], y) if "bias" in params else y


def _along(vector, x):
    return vector.reshape((1,) * (x.ndim - 1) + (-1,))
