"""How the channels of a feature map go together, example by example."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.losses._checks import arrays
from jdistill.losses._rows import products, unit


def ickd(
    student: Float[Array, "batch *space channels"],
    teacher: Float[Array, "batch *other channels"],
) -> Float[Array, " batch"]:
    r"""Inter-channel correlation: Gram matrices of channels with rows of length 1.

    .. math:: L = \frac{1}{channels} \lVert G^s - G^t \rVert_F^2, \quad
        G_c = \frac{(F F^T)_c}{\lVert (F F^T)_c \rVert_2}, \quad
        F \in R^{channels \times (height \cdot width)}

    The length is taken of the rows of the Gram matrix and the sum is divided by the
    number of channels once, as in the authors' code, to which their weight of 2.5
    belongs. Heights and widths may differ; channels need a projection where they do.

    Args:
        student: features `[batch, height, width, channels]`, any axes of space.
        teacher: features with as many channels.

    Returns:
        float32, one value for each example.

    Raises:
        ValueError: examples or channels differ in number.

    References:
        Liu et al., Exploring inter-channel correlation for diversity-preserved
        knowledge distillation, ICCV 2021 (arXiv:2202.03680).

    Example:
        >>> apart, equal = jnp.eye(2)[None, None], jnp.ones((1, 3, 3, 2))
        >>> ickd(apart, equal).round(4)
        Array([0.5858], dtype=float32)
    """
    arrays(student=student, teacher=teacher)
    ends = (student.shape[0], student.shape[-1]), (teacher.shape[0], teacher.shape[-1])
    if ends[0] != ends[1]:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: their first "
            "and last axes, examples and channels, must be equal"
        )
    gap = _correlation(student) - _correlation(teacher)
    return jnp.sum(jnp.square(gap), axis=(1, 2)) / student.shape[-1]


def _correlation(maps):
    maps = maps.astype(jnp.float32)
    channels = jnp.swapaxes(jax.lax.collapse(maps, 1, maps.ndim - 1), 1, 2)
    return unit(products(channels, channels))
