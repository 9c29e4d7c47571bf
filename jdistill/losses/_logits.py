"""Losses between logits: `loss(student, teacher)`, `[*batch, classes] -> [*batch]`.

One rule for temperature: each loss here is multiplied by its square. The gradient of a
softened loss falls with the square of the temperature, so with the factor its size
hardly changes and weights found at one temperature serve at another.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero
from jdistill.losses._checks import same_shape
from jdistill.typing import Number


def kl(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Kullback-Leibler divergence from teacher to student at a temperature.

    .. math:: L = T^2 \sum_c p_c (\log p_c - \log q_c), \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531).

    Example:
        >>> kl(jnp.zeros((1, 2)), jnp.log(jnp.array([[0.75, 0.25]]))).round(4)
        Array([0.1308], dtype=float32)
    """
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return temperature**2 * divergence(log_p, log_q)


def soft_cross_entropy(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Cross entropy with the teacher's soft labels at a temperature.

    .. math:: L_{SL} = -T^2 \sum_c p_c \log q_c, \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    `kl` plus the teacher's entropy: the same gradient in the student.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; least where both agree.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531).

    Example:
        >>> soft_cross_entropy(jnp.zeros((1, 2)), jnp.array([[3.0, 1.0]])).round(4)
        Array([0.6931], dtype=float32)
    """
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return -(temperature**2) * jnp.sum(jnp.exp(log_p) * log_q, axis=-1)


def logit_euclidean(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
) -> Float[Array, "*batch"]:
    r"""Euclidean distance of the logits.

    .. math:: L = \lVert z_s - z_t \rVert_2 = \sqrt{\sum_c (z_{s,c} - z_{t,c})^2}

    Its gradient has length 1 wherever the student is, so examples that are far off pull
    no harder than others, as they do in `logit_mse`; it is 0 where both agree.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.

    Returns:
        float32; 0 where both agree. A constant added to one side counts.

    Raises:
        ValueError: shapes differ.

    References:
        Beyer et al., Knowledge distillation: a good teacher is patient and consistent,
        CVPR 2022 (arXiv:2106.05237); among the distances of its program.

    Example:
        >>> logit_euclidean(jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]]))
        Array([5.], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    z_s, z_t = (z.astype(jnp.float32) for z in (student_logits, teacher_logits))
    squares = jnp.sum(jnp.square(z_s - z_t), axis=-1)
    apart = squares > 0
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, squares, 1.0)), 0.0)


def logit_mse(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
) -> Float[Array, "*batch"]:
    r"""Mean squared difference of the logits.

    .. math:: L = \frac{1}{C} \sum_c (z_{s,c} - z_{t,c})^2

    The mean over the C classes, so that a weight serves for any number of them. Where
    both sides have the same mean it is twice what `kl` tends to at a high temperature;
    half the sum over classes, as regression to logits was first written, is C / 2 times
    it.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.

    Returns:
        float32; 0 where both agree. A constant added to one side counts.

    Raises:
        ValueError: shapes differ.

    References:
        Ba, Caruana, Do deep nets really need to be deep?, NeurIPS 2014
        (arXiv:1312.6184).
        Kim et al., Comparing Kullback-Leibler divergence and mean squared error loss
        in knowledge distillation, IJCAI 2021 (arXiv:2105.08919).

    Example:
        >>> logit_mse(jnp.zeros((1, 2)), jnp.array([[3.0, 1.0]]))
        Array([5.], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    z_s, z_t = (z.astype(jnp.float32) for z in (student_logits, teacher_logits))
    return jnp.mean(jnp.square(z_s - z_t), axis=-1)


def softened(student_logits, teacher_logits, temperature):
    """The teacher's and the student's log-probabilities at a temperature."""
    same_shape(student_logits, teacher_logits)
    above_zero(temperature=temperature)
    log_p = jax.nn.log_softmax(teacher_logits.astype(jnp.float32) / temperature)
    log_q = jax.nn.log_softmax(student_logits.astype(jnp.float32) / temperature)
    return log_p, log_q


def divergence(log_a, log_b):
    """KL(a, b) over the last axis, from logarithms."""
    return jnp.sum(divergence_terms(log_a, log_b), axis=-1)


def divergence_terms(log_a, log_b):
    """The summands of KL(a, b), from logarithms."""
    return terms_over(log_a, jnp.exp(log_b), log_b - log_a)


def terms_over(log_a, b, gap):
    """The summands of KL(a, b), where `gap` is log b - log a.

    Each is a (log a - log b) - a + b: the last two cancel in the sum, as a and b both
    add up to 1. Where the two are near each other a summand is then of second order, as
    the sum is: without b - a they are of first order, and the squared temperature
    multiplies the rounding that they leave.
    """
    a, near = jnp.exp(log_a), jnp.abs(gap) < 1
    small = jnp.where(near, gap, 0.0)
    far = b - a - a * gap
    return jnp.where(near, a * (jnp.expm1(small) - small), far)
