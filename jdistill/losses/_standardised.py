"""Losses of standardised predictions: mean 0, deviation 1, so scale does not count."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero, finite
from jdistill.losses._checks import same_shape
from jdistill.losses._logits import kl
from jdistill.typing import Number


def logit_standardization(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    temperature: Number | int = 2.0,
) -> Float[Array, "*batch"]:
    r"""`kl` of logits that are standardised over the classes.

    .. math:: L = T^2 \sum_c p_c (\log p_c - \log q_c), \quad
        p = softmax(\zeta(z_t) / T), \quad q = softmax(\zeta(z_s) / T), \quad
        \zeta(z) = (z - mean(z)) / \sqrt{mean((z - mean(z))^2)}

    The student need not reach the teacher's range of logits. It gets no gradient along
    its own scale, which only a loss against labels then sets.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree up to scale and shift.
        Logits that are all equal stay 0, without a gradient.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Sun, Ren, Li, Wang, Cao, Logit standardization in knowledge distillation, CVPR
        2024 (arXiv:2403.01427). Programs that divide by classes - 1 under the root have
        a temperature larger by sqrt(classes / (classes - 1)).

    Example:
        >>> logit_standardization(jnp.array([[0.0, 1.0]]), jnp.array([[5.0, 9.0]]))
        Array([0.], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    ours, theirs = (
        _standardised(logits.astype(jnp.float32), axis=-1)
        for logits in (student_logits, teacher_logits)
    )
    return kl(ours, theirs, temperature=temperature)


def dist(
    student_logits: Float[Array, "batch classes"],
    teacher_logits: Float[Array, "batch classes"],
    *,
    mask: Float[Array, " batch"] | None = None,
    beta: Number | int = 1.0,
    gamma: Number | int = 1.0,
    temperature: Number | int = 1.0,
) -> Float[Array, " batch"]:
    r"""Correlations of the predictions within each example and within each class.

    .. math:: L = T^2 \Big(\frac{\beta}{N} \sum_i (1 - \rho(q_{i,:}, p_{i,:}))
        + \frac{\gamma}{C} \sum_c (1 - \rho(q_{:,c}, p_{:,c}))\Big), \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    rho is Pearson's correlation, over the C classes of an example (inter-class) and
    over the N examples of a class (intra-class). Since 1 - rho is half the mean squared
    difference of standardised values, row i contributes

    .. math:: L_i = \frac{T^2}{2C} \sum_c \big(\beta (\zeta_i(q)_{i,c} -
        \zeta_i(p)_{i,c})^2 + \gamma (\zeta_c(q)_{i,c} - \zeta_c(p)_{i,c})^2\big)

    where zeta standardises over a row or a column; the mean over real rows is L.
    Correlations do not change with the scale of what they compare, so at high
    temperatures the gradient grows with T squared.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        mask: 1 for real rows, 0 for padding.
        beta: the weight of the relation between classes.
        gamma: the weight of the relation between examples.
        temperature: T, above 0; the same for both.

    Returns:
        float32; 0 where both agree, and 0 for padding. A row or column that does not
        vary is standardised to 0: one side alone gives a half, both sides give 0.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Huang, You, Wang, Qian, Xu, Knowledge distillation from a stronger teacher,
        NeurIPS 2022 (arXiv:2205.10536).

    Example:
        >>> logits = jnp.array([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])
        >>> dist(logits[:, ::-1], logits).round(4)
        Array([2.9672, 2.3312], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    above_zero(temperature=temperature)
    finite(beta=beta, gamma=gamma)
    count = len(student_logits)
    real = jnp.ones(count) if mask is None else mask.astype(jnp.float32)
    rows = real[:, None]
    q, p = (
        jax.nn.softmax(
            jnp.where(rows > 0, logits, 0.0).astype(jnp.float32) / temperature
        )
        for logits in (student_logits, teacher_logits)
    )
    inter = _standardised(q, axis=1) - _standardised(p, axis=1)
    intra = _standardised(q, rows, axis=0) - _standardised(p, rows, axis=0)
    values = beta * jnp.square(inter) + gamma * jnp.square(intra)
    values = temperature**2 / 2 * jnp.mean(values, axis=1)
    return jnp.where(real > 0, values, 0.0)


def _standardised(values, weights: Array | float = 1.0, *, axis):
    """Values less their mean, over their deviation; 0 where they do not vary."""
    weights = jnp.broadcast_to(jnp.asarray(weights, jnp.float32), values.shape)
    count = jnp.sum(weights, axis, keepdims=True)
    share = weights / jnp.where(count > 0, count, 1.0)
    centred = values - jnp.sum(share * values, axis, keepdims=True)
    variance = jnp.sum(share * jnp.square(centred), axis, keepdims=True)
    size = jnp.sum(share * jnp.square(values), axis, keepdims=True)
    varies = variance > 1e-12 * size + 1e-24  # below it is rounding
    return jnp.where(varies, centred / jnp.sqrt(jnp.where(varies, variance, 1.0)), 0.0)
