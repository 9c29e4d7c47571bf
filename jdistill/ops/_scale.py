"""Step sizes and zero points of ranges, one for each block of an array."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Integer, Shaped

from jdistill.checks import whole


def qmax(bits: Any) -> int:
    """The largest code, `2^(bits-1) - 1`.

    The code `-2^(bits-1)` is not used, so that codes and their negatives both exist.

    Raises:
        ValueError: not between 2 and 8 bits.

    Example:
        >>> qmax(8)
        127
    """
    if not isinstance(bits, int | np.integer) or not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, an integer, got {bits!r}")
    return 2 ** (bits - 1) - 1


def absmax_scale(
    x: Float[Array, "..."],
    *,
    axes: tuple[int, ...] | None = None,
    shape: tuple[int, ...] | None = None,
    bits: int = 8,
    dtype: Any = jnp.float32,
) -> Float[Array, "..."]:
    r"""The step size that maps the largest magnitude to the largest code.

    .. math:: s = \max_{axes} |x| / q_{max}, \quad s = 1 where all x are 0

    It is 1 where there are no values, too. It is NaN where a value is not finite, and
    where the step size is out of the range of its type (a largest value below 1.5e-36
    in 8 bits and float32, 7.6e-6 in float16).

    Args:
        x: values of any shape.
        axes: axes that share one scale, all of them for None; kept with length 1.
        shape: the shape of the scale instead, of blocks as in `spread`.
        bits: bits of a code, 2 to 8.
        dtype: type of the scale, float32, float16 or bfloat16.

    Returns:
        Of the rank of `x`; multiply it with codes to get values back.

    Raises:
        ValueError: `bits` out of range, or a shape that does not divide.

    References:
        Krishnamoorthi, Quantizing deep convolutional networks for efficient
        inference: a whitepaper, 2018 (arXiv:1806.08342).

    Example:
        >>> absmax_scale(jnp.array([[1.0, -127.0], [0.0, 0.0]]), axes=(1,))
        Array([[1.],
               [1.]], dtype=float32)
    """
    blocks = _scale_shape(x, axes, shape)
    largest = _largest(jnp.abs(x), blocks)
    return step_size(largest, qmax(bits), dtype)


def minmax_scale(
    x: Float[Array, "..."],
    *,
    axes: tuple[int, ...] | None = None,
    shape: tuple[int, ...] | None = None,
    bits: int = 8,
    dtype: Any = jnp.float32,
) -> tuple[Float[Array, "..."], Integer[Array, "..."]]:
    r"""The step size and the zero point that map a range to all codes.

    .. math:: s = \frac{\max(x, 0) - \min(x, 0)}{2^{bits} - 1}, \quad
        z = round(-\min(x, 0) / s)

    The range includes 0, which has a code of its own and stays 0. The step size is NaN
    where `absmax_scale` is.

    Args:
        x: values of any shape.
        axes: axes that share one scale, all of them for None; kept with length 1.
        shape: the shape of the scale instead, of blocks as in `spread`.
        bits: bits of a code, 2 to 8.
        dtype: type of the scale, float32, float16 or bfloat16.

    Returns:
        The scale and uint8 zero points, of the rank of `x`.

    Raises:
        ValueError: `bits` out of range, or a shape that does not divide.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> scale, zero = minmax_scale(jnp.array([-1.0, 0.5, 2.0]), bits=2)
        >>> float(scale[0]), int(zero[0])
        (1.0, 1)
    """
    qmax(bits)
    blocks, most = _scale_shape(x, axes, shape), 2**bits - 1
    high = _largest(jnp.maximum(x, 0), blocks)
    low = _largest(jnp.maximum(-x, 0), blocks)
    scale = step_size(high + low, most, dtype)
    zero = jnp.clip(jnp.round(low * (1 / scale.astype(jnp.float32))), 0, most)
    return scale, jnp.where(jnp.isnan(zero), 0, zero).astype(jnp.uint8)


def step_size(
    reach: Float[Array, "..."], codes: int, dtype: Any = jnp.float32
) -> Array:
    """`reach / codes`; 1 where the reach is 0, NaN where it has no step size.

    Example:
        >>> step_size(jnp.array([254.0, 0.0, jnp.inf, 1e-37]), 127)
        Array([ 2.,  1., nan, nan], dtype=float32)
    """
    # A compiler may make of a division by a constant the product with its inverse,
    # which is not always the same number: written out, it is the same in each program.
    scale = (reach * jnp.float32(1 / codes)).astype(dtype)
    wide = scale.astype(jnp.float32)
    # in float32 the smallest ones have no finite inverse, of the others none is lost
    least = max(jnp.finfo(dtype).smallest_subnormal, jnp.finfo(jnp.float32).tiny)
    usable = jnp.isfinite(wide) & (wide >= jnp.float32(least))
    return jnp.where(reach == 0, 1, jnp.where(usable, scale, jnp.nan)).astype(dtype)


def refuse_scale(name: str, scale: Any) -> None:
    """Refuses a concrete step size that is NaN; traced ones pass.

    Args:
        name: the path of what it belongs to, for the message.
        scale: step sizes of any shape.

    Returns:
        Nothing.

    Raises:
        ValueError: a value was not finite, or too small or too large for its type.

    Example:
        >>> refuse_scale('w', jnp.ones(2))
    """
    if isinstance(scale, Tracer):
        return
    with jax.ensure_compile_time_eval():
        missing = bool(jnp.any(jnp.isnan(scale)))
    if missing:
        raise ValueError(
            f"{name!r} has no step size: it holds NaN or infinity, or its largest "
            f"magnitude is too small or too large for one in {scale.dtype}"
        )


def _scale_shape(
    x: Array, axes: tuple[int, ...] | None, shape: tuple[int, ...] | None
) -> tuple[int, ...]:
    if shape is not None:
        return block_shape(shape, x.shape)
    axes = tuple(range(x.ndim)) if axes is None else axes
    for axis in axes:
        whole(**{f"each of axes={axes!r}": axis}, least=-x.ndim, most=x.ndim - 1)
    shared = {axis % x.ndim for axis in axes}
    return tuple(1 if axis in shared else n for axis, n in enumerate(x.shape))


def _largest(x: Array, blocks: tuple[int, ...]) -> Array:
    """The largest magnitude of each block, 0 of one without entries.

    Axes of one block or of single entries stay whole, so that none is reshaped that
    may be sharded.
    """
    shape, axes = [], []
    for count, length in zip(blocks, x.shape, strict=True):
        shape += [length] if count in (1, length) else [count, length // count]
        if count != length:
            axes.append(len(shape) - 1)
    found = jnp.max(x.reshape(shape), axis=tuple(axes), initial=0)
    return found.reshape(blocks).astype(jnp.float32)


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
