"""The one integer quantiser: for training, calibration, files and execution."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def qmax(bits: int) -> int:
    """The largest code, `2^(bits-1) - 1`.

    The code `-2^(bits-1)` is not used, so that codes and their negatives both exist.

    Raises:
        ValueError: not between 2 and 8 bits.

    Example:
        >>> qmax(8)
        127
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, got {bits}")
    return 2 ** (bits - 1) - 1


def absmax_scale(
    x: Float[Array, "..."], *, axes: tuple[int, ...] | None = None, bits: int = 8
) -> Float[Array, "..."]:
    r"""The step size that maps the largest magnitude to the largest code.

    .. math:: s = \max_{axes} |x| / q_{max}, \quad s = 1 where all x are 0

    Args:
        x: values of any shape.
        axes: axes that share one scale, all of them for None; kept with length 1.
        bits: bits of a code, 2 to 8.

    Returns:
        float32, of the rank of `x`; multiply it with codes to get values back.

    Raises:
        ValueError: `bits` out of range.

    References:
        Krishnamoorthi, Quantizing deep convolutional networks for efficient
        inference: a whitepaper, 2018 (arXiv:1806.08342).

    Example:
        >>> absmax_scale(jnp.array([[1.0, -127.0], [0.0, 0.0]]), axes=(1,))
        Array([[1.],
               [1.]], dtype=float32)
    """
    largest = jnp.max(jnp.abs(x), axis=axes, keepdims=True).astype(jnp.float32)
    # A compiler may make of a division by a constant the product with its inverse,
    # which is not always the same number: written out, it is the same in each program.
    return jnp.where(largest > 0, largest * jnp.float32(1 / qmax(bits)), 1.0)


def quantize(
    x: Float[Array, "..."], scale: Float[Array, "..."], *, bits: int = 8
) -> Int[Array, "..."]:
    r"""Codes of values, `clip(round(x / s), -qmax, qmax)`, half to even.

    Args:
        x: values of any shape.
        scale: positive step sizes, broadcastable to `x`.
        bits: bits of a code, 2 to 8; codes are held in int8.

    Returns:
        int8 codes of the shape of `x`.

    Raises:
        ValueError: `bits` out of range.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> quantize(jnp.array([0.5, 1.5, 300.0]), jnp.array([1.0]))
        Array([  0,   2, 127], dtype=int8)
    """
    limit = qmax(bits)
    # the inverse is what a compiler makes of this division: written out, it is the same
    # number eagerly and compiled
    codes = jnp.round(x.astype(jnp.float32) * (1 / scale))
    return jnp.clip(codes, -limit, limit).astype(jnp.int8)


def dequantize(
    codes: Int[Array, "..."], scale: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Values of codes, `s * codes`, in float32.

    Args:
        codes: integer codes of any shape.
        scale: step sizes, broadcastable to `codes`.

    Returns:
        float32 values of the shape of `codes`.

    Example:
        >>> dequantize(jnp.array([2], jnp.int8), jnp.array([0.5]))
        Array([1.], dtype=float32)
    """
    return codes.astype(jnp.float32) * scale


def fake_quantize(
    x: Float[Array, "..."],
    scale: Float[Array, "..."],
    *,
    bits: int = 8,
) -> Float[Array, "..."]:
    r"""What is left of values after the codes, with a straight-through gradient.

    .. math:: \hat x = s \cdot clip(round(x / s), -q_{max}, q_{max}), \quad
        \partial \hat x / \partial x = [|x / s| \le q_{max} + 1/2]

    Exactly `dequantize(quantize(x, scale), scale)`, in the type of `x`. No gradient
    reaches the scale. Written as a custom derivative, because
    `x + stop_gradient(q - x)` is not always `q` in floating point.

    Args:
        x: values of any shape.
        scale: positive step sizes, broadcastable to `x`.
        bits: bits of a code, 2 to 8.

    Returns:
        Values of the shape and type of `x`.

    Raises:
        ValueError: `bits` out of range.

    References:
        Bengio et al., Estimating or propagating gradients through stochastic neurons
        for conditional computation, 2013 (arXiv:1308.3432).

    Example:
        >>> fake_quantize(jnp.array([0.6, 200.0]), jnp.array([1.0]))
        Array([  1., 127.], dtype=float32)
    """
    qmax(bits)
    return _straight_through(x, scale, bits)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _straight_through(x: Array, scale: Array, bits: int) -> Array:
    return dequantize(quantize(x, scale, bits=bits), scale).astype(x.dtype)


@_straight_through.defjvp
def _straight_through_jvp(bits, primals, tangents):
    (x, scale), (dx, _) = primals, tangents
    inside = jnp.abs(x.astype(jnp.float32)) <= (qmax(bits) + 0.5) * scale
    return _straight_through(x, scale, bits), jnp.where(inside, dx, 0)
