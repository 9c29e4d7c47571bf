"""Normalised representations of a batch, and the logarithm of all their differences."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero, one_or_more
from jdistill.losses._checks import arrays
from jdistill.losses._feature_maps import magnitude
from jdistill.losses._rows import row_weights
from jdistill.typing import Number

VARIANCE = 1e-4
"""What is added to the variance of a channel, as in the authors' program."""


def srd(
    student: Float[Array, "batch *space channels"],
    teacher: Float[Array, "batch *other channels"],
    *,
    alpha: Number | int = 4.0,
    eps: Number = 1e-5,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""LogSum of the differences of projected features, each channel normalised.

    .. math:: L = \log \Big( \epsilon + \sum_{i,c} \lvert \zeta_c(s)_{i,c} -
        \zeta_c(t)_{i,c} \rvert^\alpha \Big)

    where zeta gives each channel mean 0 and variance 1 over the n real examples of the
    batch, on both sides and without parameters. Maps are averaged over their positions
    first, before or after `projections.linear` alike. The sum over the batch is inside
    the logarithm: a larger batch adds a constant, which has no gradient. The usual
    weight is 2, beside the labels and `kl` at temperature 1.

    With the default eps differences below 1e-2 are as good as none: at alpha = 4 one of
    1e-2 adds 1e-8 to the sum, a thousandth of eps. Features that are that near to the
    teacher's need a smaller eps.

    This is the authors' program for convolutional networks. That for transformers takes
    the cross-correlation of each channel, less 1, instead of the differences.

    Args:
        student: the student's features s, projected to the teacher's channels, `[batch,
            channels]` or maps `[batch, height, width, channels]`.
        teacher: the teacher's features t, likewise; maps may be of another size.
        alpha: the power, 1 or more; the higher it is, the more the largest differences
            decide.
        eps: added to the sum, above 0.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, L in each real row; log(eps) where both agree; 0 for padding.

    Raises:
        ValueError: examples or channels differ in number, features have other axes,
            alpha is below 1, or eps is not above 0.

    References:
        Miles, Mikolajczyk, Understanding the role of the projector in knowledge
        distillation, AAAI 2024 (arXiv:2303.11098).

    Example:
        >>> rising, falling = jnp.array([[-1.0], [1.0]]), jnp.array([[1.0], [-1.0]])
        >>> srd(rising, falling, alpha=2).round(2)  # log(2 * 2**2)
        Array([2.08, 2.08], dtype=float32)
    """
    _comparable(student, teacher)
    above_zero(eps=eps)
    one_or_more(alpha=alpha)
    weights, count = row_weights(mask, student)
    ours, theirs = (_normalised(x, weights[:, None], count) for x in (student, teacher))
    total = jnp.sum(magnitude(ours - theirs) ** alpha)
    return weights * jnp.log(total + eps)


def _comparable(student, teacher):
    arrays(student=student, teacher=teacher)
    ends = [(x.shape[0], x.shape[-1]) for x in (student, teacher)]
    if ends[0] != ends[1] or {student.ndim, teacher.ndim} - {2, 4}:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: both must be "
            "[batch, channels] or [batch, height, width, channels], with as many "
            "examples and channels"
        )


def _normalised(features, weights, count):
    """Means over positions, less those over real rows, over their deviation."""
    axes = tuple(range(1, features.ndim - 1))
    x = jnp.where(weights > 0, jnp.mean(features.astype(jnp.float32), axis=axes), 0.0)
    mean = jnp.sum(weights * x, axis=0, keepdims=True) / count
    apart = jnp.where(weights > 0, x - mean, 0.0)
    variance = jnp.sum(weights * jnp.square(apart), axis=0, keepdims=True) / count
    return apart / jnp.sqrt(variance + VARIANCE)
