"""The one integer quantiser: for training, calibration, files and execution."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jdistill.ops._scale import block_shape, qmax, spread


def quantize(
    x: Float[Array, "..."],
    scale: Float[Array, "..."],
    *,
    zero: Integer[Array, "..."] | None = None,
    bits: int = 8,
) -> Integer[Array, "..."]:
    r"""Codes of values, rounded half to even.

    .. math:: c = clip(round(x / s), -q_{max}, q_{max}), \quad
        c = clip(round(x / s) + z, 0, 2^{bits} - 1)

    without and with a zero point.

    Args:
        x: values of any shape.
        scale: positive step sizes whose lengths divide those of `x` (`spread`).
        zero: the codes that stand for 0, of the shape of `scale`; None for symmetric
            codes.
        bits: bits of a code, 2 to 8.

    Returns:
        Codes of the shape of `x`: int8, with `zero` uint8.

    Raises:
        ValueError: `bits` out of range, or a scale that does not divide.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> quantize(jnp.array([0.5, 1.5, 300.0]), jnp.array([1.0]))
        Array([  0,   2, 127], dtype=int8)
        >>> quantize(jnp.array([-3.0, 8.0]), jnp.ones(1), zero=jnp.array([2]), bits=3)
        Array([0, 7], dtype=uint8)
    """
    limit = qmax(bits)
    # the inverse is what a compiler makes of this division: written out, it is the same
    # number eagerly and compiled
    codes = jnp.round(x.astype(jnp.float32) * _over(1 / _float(scale), x))
    if zero is None:
        return jnp.clip(codes, -limit, limit).astype(jnp.int8)
    codes = codes + _over(_float(zero), x)
    return jnp.clip(codes, 0, 2**bits - 1).astype(jnp.uint8)


def dequantize(
    codes: Integer[Array, "..."],
    scale: Float[Array, "..."],
    zero: Integer[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    r"""Values of codes, `s * (c - z)`, in float32.

    Args:
        codes: integer codes of any shape.
        scale: step sizes whose lengths divide those of `codes` (`spread`).
        zero: the codes that stand for 0, of the shape of `scale`; None for 0.

    Returns:
        float32 values of the shape of `codes`.

    Raises:
        ValueError: a scale that does not divide.

    Example:
        >>> dequantize(jnp.array([2], jnp.int8), jnp.array([0.5]))
        Array([1.], dtype=float32)
        >>> dequantize(jnp.array([2, 0]), jnp.array([0.5]), jnp.array([1]))
        Array([ 0.5, -0.5], dtype=float32)
    """
    steps = _float(codes)
    if zero is not None:
        steps = steps - _over(_float(zero), codes)
    return steps * _over(_float(scale), codes)


def _float(x: Array) -> Array:
    return x.astype(jnp.float32)


def _over(scale: Array, x: Array) -> Array:
    """A scale that broadcasts to `x`: only axes of several groups are spread."""
    blocks = block_shape(scale.shape, x.shape)
    shape = tuple(1 if m == 1 else n for m, n in zip(blocks, x.shape, strict=True))
    return scale.reshape(blocks) if shape == blocks else spread(scale, shape)


def fake_quantize(
    x: Float[Array, "..."],
    scale: Float[Array, "..."],
    *,
    zero: Integer[Array, "..."] | None = None,
    bits: int = 8,
) -> Float[Array, "..."]:
    r"""What is left of values after the codes, with a straight-through gradient.

    .. math:: \hat x = s \cdot clip(round(x / s), -q_{max}, q_{max}), \quad
        \partial \hat x / \partial x = [|x / s| \le q_{max} + 1/2]

    and alike with a zero point. Exactly `dequantize(quantize(x, scale), scale)`, in
    the type of `x`, but for NaN, which stays NaN (codes have none). No gradient reaches
    the scale. Written as a custom derivative,
    because `x + stop_gradient(q - x)` is not always `q` in floating point.

    Args:
        x: values of any shape.
        scale: positive step sizes whose lengths divide those of `x` (`spread`).
        zero: the codes that stand for 0, of the shape of `scale`; None for symmetric
            codes.
        bits: bits of a code, 2 to 8.

    Returns:
        Values of the shape and type of `x`.

    Raises:
        ValueError: `bits` out of range, or a scale that does not divide.

    References:
        Bengio et al., Estimating or propagating gradients through stochastic neurons
        for conditional computation, 2013 (arXiv:1308.3432).

    Example:
        >>> fake_quantize(jnp.array([0.6, 200.0]), jnp.array([1.0]))
        Array([  1., 127.], dtype=float32)
    """
    qmax(bits)
    return _straight_through(x, scale, zero, bits)


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def _straight_through(x: Array, scale: Array, zero: Array | None, bits: int) -> Array:
    codes = quantize(x, scale, zero=zero, bits=bits)
    values = dequantize(codes, scale, zero).astype(x.dtype)
    return jnp.where(jnp.isnan(x), x, values)


@_straight_through.defjvp
def _straight_through_jvp(bits, primals, tangents):
    x, scale, zero = primals
    low, high = -qmax(bits) - 0.5, qmax(bits) + 0.5
    if zero is not None:
        point = _over(_float(zero), x)
        low, high = -point - 0.5, 2**bits - 0.5 - point
    steps, scale32 = _float(x), _over(_float(scale), x)
    inside = (low * scale32 <= steps) & (steps <= high * scale32)
    return _straight_through(x, scale, zero, bits), jnp.where(inside, tangents[0], 0)
