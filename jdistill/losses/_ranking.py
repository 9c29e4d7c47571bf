"""Losses of the order of classes: each pair that the teacher orders counts alike.

Pairs are formed at once, so memory grows with the square of the number of classes.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import not_negative
from jdistill.losses._checks import same_shape
from jdistill.typing import Number


def hinge_ranking(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    margin: Number | int = 0.0,
) -> Float[Array, "*batch"]:
    r"""Mean hinge over the pairs of classes that the teacher orders.

    .. math:: L = \frac{1}{|P|} \sum_{(i, j) \in P} \max(0, margin - (z_{s,i} -
        z_{s,j})), \quad P = \{(i, j): z_{t,i} > z_{t,j}\}

    With a margin of 0 equal logits satisfy every pair, so a student that starts with
    all logits equal does not move.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t; ties are no pairs.
        margin: by how much the student should separate a pair, in logits; 0 or more.

    Returns:
        float32; 0 where the student has every pair in order by the margin, and where
        the teacher orders none.

    Raises:
        ValueError: shapes differ, or the margin is below 0.

    References:
        Herbrich, Graepel, Obermayer, Large margin rank boundaries for ordinal
        regression, Advances in Large Margin Classifiers, 2000.

    Example:
        >>> hinge_ranking(jnp.array([[1.0, 0.0, 2.0]]), jnp.array([[3.0, 2.0, 1.0]]))
        Array([1.], dtype=float32)
    """
    not_negative(margin=margin)
    gaps, ordered = _pairs(student_logits, teacher_logits)
    return _mean(jax.nn.relu(margin - gaps), ordered)


def logistic_ranking(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
) -> Float[Array, "*batch"]:
    r"""Mean logistic loss over the pairs of classes that the teacher orders.

    .. math:: L = \frac{1}{|P|} \sum_{(i, j) \in P} \log(1 + e^{-(z_{s,i} - z_{s,j})}),
        \quad P = \{(i, j): z_{t,i} > z_{t,j}\}

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t; ties are no pairs.

    Returns:
        float32, in nats; it falls towards 0 as the student separates every pair, and is
        0 where the teacher orders none.

    Raises:
        ValueError: shapes differ.

    References:
        Burges et al., Learning to rank using gradient descent, ICML 2005.

    Example:
        >>> logistic_ranking(jnp.zeros((1, 3)), jnp.array([[3.0, 2.0, 1.0]])).round(4)
        Array([0.6931], dtype=float32)
    """
    gaps, ordered = _pairs(student_logits, teacher_logits)
    return _mean(jax.nn.softplus(-gaps), ordered)


def _pairs(student_logits, teacher_logits):
    """The student's differences, and which of them the teacher has above 0."""
    same_shape(student_logits, teacher_logits)
    ours = student_logits.astype(jnp.float32)
    gaps = ours[..., :, None] - ours[..., None, :]
    ordered = teacher_logits[..., :, None] > teacher_logits[..., None, :]
    return gaps, ordered


def _mean(values, ordered):
    total = jnp.sum(jnp.where(ordered, values, 0.0), axis=(-2, -1))
    return total / jnp.maximum(jnp.sum(ordered, axis=(-2, -1)), 1)
