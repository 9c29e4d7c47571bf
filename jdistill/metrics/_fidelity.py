"""How much of the teacher the student has, right or wrong."""

import functools

import jax.numpy as jnp

from jdistill.losses import kl
from jdistill.metrics._examples import (
    keep,
    ratio,
    teacher_logits,
    weighted_mean,
    weights_of,
)
from jdistill.typing import Metric


@functools.cache
def agreement() -> Metric:
    r"""The share of examples where student and teacher choose the same class.

    .. math:: \frac{1}{n} \sum_i [\arg\max_c z_{s,ic} = \arg\max_c z_{t,ic}]

    Returns:
        A metric, 0 to 1.

    References:
        Stanton et al., Does knowledge distillation really work?, NeurIPS 2021
        (arXiv:2106.05945).

    Example:
        >>> from jdistill.typing import Outputs
        >>> metric, same = agreement(), Outputs(jnp.array([[0.0, 1.0]]))
        >>> float(metric.finish(metric.sums(same, same, {"id": jnp.array([7])})))
        1.0
    """

    def sums(student, teacher, batch):
        student, teacher, weights = _both(student, teacher, batch)
        same = jnp.argmax(student, axis=-1) == jnp.argmax(teacher, axis=-1)
        return weighted_mean(same, weights)

    return Metric(sums, ratio)


@functools.cache
def kl_to_teacher() -> Metric:
    r"""The mean divergence from the teacher, at temperature 1 whatever trained it.

    .. math:: \frac{1}{n} \sum_i KL(p_i \| q_i)

    Returns:
        A metric, in nats; 0 where both agree.

    References:
        Stanton et al., Does knowledge distillation really work?, NeurIPS 2021
        (arXiv:2106.05945).

    Example:
        >>> from jdistill.typing import Outputs
        >>> metric, same = kl_to_teacher(), Outputs(jnp.array([[0.0, 1.0]]))
        >>> float(metric.finish(metric.sums(same, same, {"id": jnp.array([7])})))
        0.0
    """

    def sums(student, teacher, batch):
        student, teacher, weights = _both(student, teacher, batch)
        return weighted_mean(kl(student, teacher), weights)

    return Metric(sums, ratio)


def _both(student, teacher, batch):
    weights = weights_of(batch)
    theirs = keep(teacher_logits(teacher, batch), weights)
    return keep(student.logits, weights), theirs, weights
