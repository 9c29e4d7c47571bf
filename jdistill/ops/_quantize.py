"""The one integer quantiser: for training, calibration, files and execution."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer, Shaped


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


def spread(scale: Shaped[Array, "..."], shape: tuple[int, ...]) -> Array:
    r"""Step sizes of blocks, each repeated over its block.

    .. math:: y_{i_1 i_2 \ldots} = s_{\lfloor i_1 m_1 / n_1 \rfloor
        \lfloor i_2 m_2 / n_2 \rfloor \ldots}

    for a scale of lengths `m` and a shape of lengths `n`. A length of 1 is one scale
    for the whole axis, the same length is one each, and any other is that many groups
    of consecutive entries.

    Args:
        scale: of any type; each of its lengths divides that of `shape`. Axes that it
            lacks at the front have length 1.
        shape: of what the scale belongs to.

    Returns:
        The scale in `shape`.

    Raises:
        ValueError: a length does not divide.

    Example:
        >>> spread(jnp.array([[1.0, 2.0]]), (2, 4))
        Array([[1., 1., 2., 2.],
               [1., 1., 2., 2.]], dtype=float32)
    """
    blocks = block_shape(scale.shape, shape)
    pairs = [(m, n // m if m else 0) for m, n in zip(blocks, shape, strict=True)]
    apart = scale.reshape([x for m, _ in pairs for x in (m, 1)])
    return jnp.broadcast_to(apart, [x for pair in pairs for x in pair]).reshape(shape)


def block_shape(scale: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a scale, in the rank of what it belongs to.

    Args:
        scale: lengths of the scale.
        shape: lengths of the codes or values.

    Returns:
        `scale` with ones at its front.

    Raises:
        ValueError: a length of `scale` does not divide that of `shape`.

    Example:
        >>> block_shape((3, 1), (2, 6, 5))
        (1, 3, 1)
    """
    blocks = (1,) * (len(shape) - len(scale)) + tuple(scale)
    fits = len(blocks) == len(shape) and all(
        n % m == 0 if m else n == 0 for m, n in zip(blocks, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"a scale of shape {tuple(scale)} does not divide the shape "
            f"{tuple(shape)}: each of its axes is 1, all of the axis, or a number of "
            "equal groups"
        )
    return blocks


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
    the type of `x`. No gradient reaches the scale. Written as a custom derivative,
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
    return dequantize(codes, scale, zero).astype(x.dtype)


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
