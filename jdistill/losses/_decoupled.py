"""Losses that treat the label's class and the other classes apart.

The probability of the others is a sum of their logarithms' exponentials, never one
minus the label's, so that it stays exact where the teacher is all but certain.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jdistill.checks import above_zero, finite, fraction
from jdistill.losses._checks import arrays, same_shape
from jdistill.losses._labels import at_label
from jdistill.losses._logits import divergence, softened
from jdistill.typing import Number


def dkd(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    labels: Integer[Array, "*batch"],
    alpha: Number | int = 1.0,
    beta: Number | int = 8.0,
    temperature: Number | int = 4.0,
) -> Float[Array, "*batch"]:
    r"""Decoupled distillation: whether it is the label's class, and what else it is.

    .. math:: L = T^2 (\alpha KL(b^p, b^q) + \beta KL(\hat p, \hat q)), \quad
        b^p = (p_y, 1 - p_y), \quad \hat p_c = p_c / (1 - p_y) \; (c \ne y)

    with p = softmax(z_t / T), q = softmax(z_s / T), and b^q, q-hat made of q as b^p and
    p-hat are of p. `kl` is the same sum with weights 1 and 1 - p_y, which leaves little
    of the second part where the teacher is sure.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        labels: the classes y, 0 to classes - 1; any other gives NaN.
        alpha: the weight of the part about the label's class.
        beta: the weight of the part about the others.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, labels are not one for each row, there are fewer than
            3 classes, or the temperature is not above 0.

    References:
        Zhao, Cui, Song, Qiu, Liang, Decoupled knowledge distillation, CVPR 2022
        (arXiv:2203.08679).

    Example:
        >>> p, q = jnp.array([[0.5, 0.3, 0.2]]), jnp.array([[0.5, 0.25, 0.25]])
        >>> dkd(jnp.log(q), jnp.log(p), labels=jnp.array([0]), temperature=1.0).round(4)
        Array([0.1611], dtype=float32)
    """
    _least_classes("dkd", student_logits, 3)
    finite(alpha=alpha, beta=beta)
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    target_p, rest_p, others_p = _apart(log_p, labels)
    target_q, rest_q, others_q = _apart(log_q, labels)
    label_p = jnp.stack([target_p, rest_p], axis=-1)
    label_q = jnp.stack([target_q, rest_q], axis=-1)
    on_target = divergence(label_p, label_q)
    on_others = divergence(others_p, others_q)
    return temperature**2 * (alpha * on_target + beta * on_others)


def nkd(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    labels: Integer[Array, "*batch"],
    gamma: Number | int = 1.5,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Normalised distillation: cross entropies of the label's class and of the others.

    .. math:: L = -p_y \log q_y - \gamma T^2 \sum_{c \ne y} \hat p_c \log \hat q_c

    p = softmax(z_t) and q = softmax(z_s) are not softened; p-hat and q-hat are the
    softmax of z_t / T and z_s / T over the classes other than y. Only the softened part
    is multiplied by T squared. `cross_entropy` is used beside it.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        labels: the classes y, 0 to classes - 1; any other gives NaN.
        gamma: the weight of the part about the other classes.
        temperature: T, above 0; of the part about the other classes.

    Returns:
        float32, in nats; not least where both agree, since the first part asks for
        certainty.

    Raises:
        ValueError: shapes differ, labels are not one for each row, there is one class,
            or the temperature is not above 0.

    References:
        Yang, Zeng, Li, Zhang, Yuan, Li, From knowledge distillation to self-knowledge
        distillation: a unified approach with normalized loss and customized soft
        labels, ICCV 2023 (arXiv:2303.13005).

    Example:
        >>> p, q = jnp.array([[0.5, 0.3, 0.2]]), jnp.array([[0.5, 0.25, 0.25]])
        >>> nkd(jnp.log(q), jnp.log(p), labels=jnp.array([0])).round(4)
        Array([1.3863], dtype=float32)
    """
    _least_classes("nkd", student_logits, 2)
    same_shape(student_logits, teacher_logits)
    above_zero(temperature=temperature)
    finite(gamma=gamma)
    log_p, log_q = softened(student_logits, teacher_logits, 1.0)
    target_p, _, _ = _apart(log_p, labels)
    target_q, _, _ = _apart(log_q, labels)
    _, _, others_p = _apart(log_p / temperature, labels)
    _, _, others_q = _apart(log_q / temperature, labels)
    on_others = -jnp.sum(jnp.exp(others_p) * others_q, axis=-1)
    return -jnp.exp(target_p) * target_q + gamma * temperature**2 * on_others


def mft(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    labels: Integer[Array, "*batch"],
    threshold: Number | int = 0.2,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Minifinetuning: divergence from the teacher, corrected by the label.

    .. math:: L = T^2 KL(p', q), \quad p'_y = 1 - r, \quad
        p'_c = r \, \frac{p_c}{1 - p_y} \; (c \ne y)

    .. math:: r = \begin{cases}
        \max(1 - p_y - \tau, 0) & p_y = \max_c p_c \\
        (1 - p_y) \frac{1 - \tau}{1 + \max_c p_c - p_y} & \text{otherwise}
        \end{cases}

    with p = softmax(z_t / T), q = softmax(z_s / T) and the threshold tau. Where the
    teacher's best class is the label, the label gains tau, at most up to 1; where it is
    another, the label comes out tau above it. The classes other than y keep their
    proportions. The teacher is the student itself before finetuning.

    A label that is one of several best classes counts as the best. The correction does
    not fade as T grows, so at high temperatures the gradient grows with T.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        labels: the classes y, 0 to classes - 1; any other gives NaN.
        threshold: tau, from 0 to below 1.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where q is the corrected p'.

    Raises:
        ValueError: shapes differ, there is one class, the threshold is not from 0 to
            below 1, or the temperature is not above 0.

    References:
        Belcak, Heinrich, Kautz, Molchanov, Minifinetuning: low-data generation domain
        adaptation through corrective self-distillation, 2025 (arXiv:2506.15702); the
        correction of right classes and the threshold of 0.2 are those of NVIDIA's
        Model Optimizer.

    Example:
        >>> p, q = jnp.array([[0.5, 0.3, 0.2]]), jnp.array([[0.7, 0.18, 0.12]])
        >>> jnp.abs(mft(jnp.log(q), jnp.log(p), labels=jnp.array([0]))).round(4)
        Array([0.], dtype=float32)
        >>> mft(jnp.log(q), jnp.log(p), labels=jnp.array([1])).round(4)
        Array([0.346], dtype=float32)
    """
    _least_classes("mft", student_logits, 2)
    fraction(threshold=threshold)
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    target_p, rest_p, others_p = _apart(log_p, labels)
    target_q, rest_q, others_q = _apart(log_q, labels)
    rest = jnp.exp(rest_p)
    behind = jnp.exp(jnp.max(log_p, axis=-1)) - jnp.exp(target_p)
    right = jnp.maximum(rest - threshold, 0.0)
    left = jnp.where(behind > 0, rest * (1 - threshold) / (1 + behind), right)
    on_target = (1 - left) * (jnp.log1p(-left) - target_q)
    on_others = divergence(others_p, others_q)
    some = left > 0
    on_rest = left * (jnp.log(jnp.where(some, left, 1.0)) - rest_q + on_others)
    return temperature**2 * (on_target + jnp.where(some, on_rest, 0.0))


def _apart(log_p, labels):
    """Logarithms of p_y, of 1 - p_y, and of each class among the others (0 at y)."""
    target = at_label(log_p, labels)
    others = ~jax.nn.one_hot(labels, log_p.shape[-1], dtype=jnp.bool_)
    rest = jax.nn.logsumexp(log_p, axis=-1, where=others)
    among = jnp.where(others, jax.nn.log_softmax(log_p, where=others), 0.0)
    return target, rest, among


def _least_classes(name, logits, least):
    arrays(student_logits=logits)
    if logits.shape[-1] < least:
        raise ValueError(
            f"{name} needs at least {least} classes, got {logits.shape[-1]}: among "
            "the classes other than the label's there is nothing to distil"
        )
