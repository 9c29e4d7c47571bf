"""Losses between the levels of a network, from fine maps to coarse ones."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.losses._checks import same_shape, several
from jdistill.losses._feature_maps import average_pool

POOLED = (4, 2, 1)


def hierarchical_context(
    student: tuple[Float[Array, "batch ..."], ...],
    teacher: tuple[Float[Array, "batch ..."], ...],
) -> Float[Array, " batch"]:
    r"""Mean squared errors of each level and of its averages over ever larger cells.

    .. math:: L = \sum_l \frac{\sum_{k=0}^{K_l} 2^{-k} d(P_k(s_l), P_k(t_l))}
        {\sum_{k=0}^{K_l} 2^{-k}}, \quad d(x, y) = \frac{1}{n} \sum_i (x_i - y_i)^2

    P_0 is the level itself; P_1, P_2, ... are its averages over 4 x 4, 2 x 2 and 1 x 1
    cells, without those that are no smaller than the level. Of a level that is not
    square both sides are looked at, and the shorter one is cut into no more cells than
    it has positions; the authors' code, made for square maps, asks the height alone.
    The usual weight is 1.

    Args:
        student: the levels s, maps `[batch, height, width, channels]` or vectors
            `[batch, channels]`, as `projections.review` gives them.
        teacher: the levels t, of the same shapes.

    Returns:
        float32, one value for each example, added over the levels; 0 where both agree.

    Raises:
        ValueError: the numbers of levels or their shapes differ, or a side is one
            array.

    References:
        Chen et al., Distilling knowledge via knowledge review, CVPR 2021
        (arXiv:2104.09044).

    Example:
        >>> zeros, ones = jnp.zeros((1, 2, 2, 1)), jnp.ones((1, 2, 2, 1))
        >>> hierarchical_context((zeros, zeros), (ones, zeros))
        Array([1.], dtype=float32)
    """
    several("the levels", student=student, teacher=teacher)
    if len(student) != len(teacher):
        shapes = [tuple(level.shape for level in side) for side in (student, teacher)]
        raise ValueError("student has levels {}, teacher {}".format(*shapes))
    levels = [_level(s, t) for s, t in zip(student, teacher, strict=True)]
    return jnp.sum(jnp.stack(levels), axis=0)


def _level(student, teacher):
    same_shape(student, teacher)
    if student.ndim not in (2, 4):
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: a level is "
            "[batch, height, width, channels] or [batch, channels]"
        )
    difference = student.astype(jnp.float32) - teacher.astype(jnp.float32)
    if difference.ndim == 2:
        difference = difference[:, None, None]
    _, height, width, _ = difference.shape
    smaller = [cells for cells in POOLED if cells < max(height, width)]
    # averages are linear: those of the difference are the difference of the averages
    maps = [difference] + [
        average_pool(difference, min(cells, height), min(cells, width))
        for cells in smaller
    ]
    weights = [0.5**k for k in range(len(maps))]
    errors = jnp.stack([jnp.mean(m**2, axis=(1, 2, 3)) for m in maps])
    return jnp.asarray(weights) @ errors / sum(weights)
