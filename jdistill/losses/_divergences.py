"""Divergences between the two distributions other than `kl`.

Each is multiplied by the squared temperature, as every loss between logits is, and
mixtures are formed from log-probabilities.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import fraction, share
from jdistill.losses._logits import divergence, softened, terms_over
from jdistill.typing import Number


def reverse_kl(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Kullback-Leibler divergence from student to teacher at a temperature.

    .. math:: L = T^2 \sum_c q_c (\log q_c - \log p_c), \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    A student too small for all of p keeps to some of its classes, where `kl` would
    cover them all.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Gu, Dong, Wei, Huang, MiniLLM: knowledge distillation of large language models,
        ICLR 2024 (arXiv:2306.08543). There its sequence form is trained by policy
        gradient; this is the divergence of one step.

    Example:
        >>> teacher = jnp.log(jnp.array([[0.75, 0.25]]))
        >>> round(float(reverse_kl(jnp.zeros((1, 2)), teacher)[0]), 4)
        0.1438
    """
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return temperature**2 * divergence(log_q, log_p)


def jsd(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    beta: Number = 0.5,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Generalised Jensen-Shannon divergence at a temperature.

    .. math:: L = T^2 (\beta KL(p, m) + (1 - \beta) KL(q, m)), \quad
        m = \beta p + (1 - \beta) q, \quad p = softmax(z_t / T), \quad
        q = softmax(z_s / T)

    Bounded by T^2 times the entropy of (beta, 1 - beta). Divided by beta it tends to
    `kl` as beta goes to 0, and divided by 1 - beta to `reverse_kl` as beta goes to 1.
    At 0 and 1 themselves the equation is 0 for any student, so they are refused.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        beta: the teacher's share of the mixture m, above 0 and below 1.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, or a number is out of range.

    References:
        Agarwal et al., On-policy distillation of language models: learning from
        self-generated mistakes, ICLR 2024 (arXiv:2306.13649).

    Example:
        >>> jsd(jnp.zeros((1, 2)), jnp.log(jnp.array([[0.75, 0.25]]))).round(4)
        Array([0.0338], dtype=float32)
    """
    share(beta=beta)
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return temperature**2 * jnp.sum(jsd_terms(log_p, log_q, beta=beta), axis=-1)


def total_variation(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Total variation distance at a temperature.

    .. math:: L = \frac{T^2}{2} \sum_c |p_c - q_c|, \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    It is of first order where both agree, so its gradient falls with T, not with T
    squared: with the common factor the gradient grows with T, and a weight found at
    one temperature has to be divided by the ratio at another.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        temperature: T, above 0; the same for both.

    Returns:
        float32, from 0 to T squared; its gradient is 0 where both agree.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Wen, Li, Du, Mou, f-divergence minimization for sequence-level knowledge
        distillation, ACL 2023 (arXiv:2307.15190).

    Example:
        >>> total_variation(jnp.zeros((1, 2)), jnp.log(jnp.array([[0.75, 0.25]])))
        Array([0.25], dtype=float32)
    """
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return temperature**2 * jnp.sum(total_variation_terms(log_p, log_q), axis=-1)


def skewed_kl(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    alpha: Number = 0.1,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Kullback-Leibler divergence from teacher to a mixture of teacher and student.

    .. math:: L = T^2 KL(p, \alpha p + (1 - \alpha) q), \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    Bounded by -T^2 log(alpha), so that a class which the student all but excludes does
    not own the gradient.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        alpha: the teacher's share of the mixture, from 0 (which is `kl`) to below 1.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, or a number is out of range.

    References:
        Ko, Kim, Chen, Yun, DistiLLM: towards streamlined distillation for large
        language models, ICML 2024 (arXiv:2402.03898).

    Example:
        >>> skewed_kl(jnp.zeros((1, 2)), jnp.log(jnp.array([[0.75, 0.25]]))).round(4)
        Array([0.107], dtype=float32)
    """
    fraction(alpha=alpha)
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return temperature**2 * jnp.sum(mixture_terms(log_p, log_q, alpha), axis=-1)


def skewed_reverse_kl(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    alpha: Number = 0.1,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Kullback-Leibler divergence from student to a mixture of student and teacher.

    .. math:: L = T^2 KL(q, \alpha q + (1 - \alpha) p), \quad
        p = softmax(z_t / T), \quad q = softmax(z_s / T)

    `skewed_kl` with the two distributions exchanged.

    Args:
        student_logits: the student's logits z_s.
        teacher_logits: the teacher's logits z_t.
        alpha: the student's share of the mixture, from 0 (which is `reverse_kl`) to
            below 1.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, or a number is out of range.

    References:
        Ko, Kim, Chen, Yun, DistiLLM: towards streamlined distillation for large
        language models, ICML 2024 (arXiv:2402.03898).

    Example:
        >>> teacher = jnp.log(jnp.array([[0.75, 0.25]]))
        >>> skewed_reverse_kl(jnp.zeros((1, 2)), teacher).round(4)
        Array([0.1131], dtype=float32)
    """
    fraction(alpha=alpha)
    log_p, log_q = softened(student_logits, teacher_logits, temperature)
    return temperature**2 * jnp.sum(mixture_terms(log_q, log_p, alpha), axis=-1)


def jsd_terms(log_p, log_q, *, beta):
    """The summands of the Jensen-Shannon divergence."""
    from_p = mixture_terms(log_p, log_q, beta)
    from_q = mixture_terms(log_q, log_p, 1 - beta)
    return beta * from_p + (1 - beta) * from_q


def total_variation_terms(log_p, log_q):
    """The summands of the total variation distance."""
    gap = jnp.exp(log_p) - jnp.exp(log_q)
    return 0.5 * gap * jnp.sign(gap)  # jnp.abs has the slope 1 at 0


def mixture_terms(log_a, log_b, share):
    """The summands of KL(a, m) with `m = share * a + (1 - share) * b`."""
    share, gap = jnp.asarray(share, jnp.float32), log_b - log_a
    near = jnp.abs(gap) < 1
    small = jnp.where(near, gap, 0.0)
    far = jnp.logaddexp(jnp.log(share), jnp.log1p(-share) + gap)
    gap = jnp.where(near, jnp.log1p((1 - share) * jnp.expm1(small)), far)
    mixture = share * jnp.exp(log_a) + (1 - share) * jnp.exp(log_b)
    return terms_over(log_a, mixture, gap)
