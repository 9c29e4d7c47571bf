"""How much of the teacher the student has, right or wrong."""

import functools

import jax.numpy as jnp

from jdistill import checks
from jdistill.counting import keep, ratio, weighted_mean, weights_of
from jdistill.losses import binary_kl, kl
from jdistill.metrics._labelled import said
from jdistill.typing import Metric
from jdistill.views import TEACHER, logits_of


@functools.cache
def agreement(*, labeled: bool = False) -> Metric:
    r"""The share of examples where student and teacher choose the same class.

    .. math:: \frac{1}{n} \sum_i [\arg\max_c z_{s,ic} = \arg\max_c z_{t,ic}]

    Args:
        labeled: whether only what has a label counts, such as the targets of windows
            that overlap.

    Returns:
        A metric, 0 to 1.

    References:
        Stanton et al., Does knowledge distillation really work?, NeurIPS 2021
        (arXiv:2106.05945).

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, same = agreement(), View(Outputs(jnp.array([[0.0, 1.0]])))
        >>> views = {"student": same, "teacher": same}
        >>> float(metric.finish(metric.sums(views, {"id": jnp.array([7])})))
        1.0
    """

    def sums(views, batch):
        student, teacher, weights = _both(views, batch, labeled)
        same = jnp.argmax(student, axis=-1) == jnp.argmax(teacher, axis=-1)
        none = jnp.any(jnp.isnan(student)) | jnp.any(jnp.isnan(teacher))
        return weighted_mean(same, jnp.where(none, jnp.nan, weights))

    return Metric(sums, ratio)


@functools.cache
def kl_to_teacher(*, labeled: bool = False) -> Metric:
    r"""The mean divergence from the teacher, at temperature 1 whatever trained it.

    .. math:: \frac{1}{n} \sum_i KL(p_i \| q_i)

    Args:
        labeled: whether only what has a label counts, such as the targets of windows
            that overlap.

    Returns:
        A metric, in nats; 0 where both agree.

    References:
        Stanton et al., Does knowledge distillation really work?, NeurIPS 2021
        (arXiv:2106.05945).

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, same = kl_to_teacher(), View(Outputs(jnp.array([[0.0, 1.0]])))
        >>> views = {"student": same, "teacher": same}
        >>> float(metric.finish(metric.sums(views, {"id": jnp.array([7])})))
        0.0
    """

    def sums(views, batch):
        student, teacher, weights = _both(views, batch, labeled)
        return weighted_mean(kl(student, teacher), weights)

    return Metric(sums, ratio)


@functools.cache
def binary_agreement(*, threshold: float = 0.5) -> Metric:
    r"""The share of examples where student and teacher say the same of every class.

    .. math:: \frac{1}{n} \sum_i \prod_c [\sigma(z_{s,ic}) > t] = [\sigma(z_{t,ic}) > t]

    Args:
        threshold: t, a probability.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: the threshold is not between 0 and 1.

    References:
        Stanton et al., Does knowledge distillation really work?, NeurIPS 2021
        (arXiv:2106.05945).

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, same = binary_agreement(), View(Outputs(jnp.array([[0.0, 1.0]])))
        >>> views = {"student": same, "teacher": same}
        >>> float(metric.finish(metric.sums(views, {"id": jnp.array([7])})))
        1.0
    """
    checks.share(threshold=threshold)

    def sums(views, batch):
        student, teacher, weights = _both(views, batch, False)
        same = said(student, threshold) == said(teacher, threshold)
        none = jnp.any(jnp.isnan(student)) | jnp.any(jnp.isnan(teacher))
        weights = jnp.where(none, jnp.nan, weights)
        return weighted_mean(jnp.all(same, axis=-1), weights)

    return Metric(sums, ratio)


@functools.cache
def binary_kl_to_teacher() -> Metric:
    r"""The mean divergence from the teacher's yes or no, at temperature 1.

    .. math:: \frac{1}{n C} \sum_{ic} KL((p_{ic}, 1 - p_{ic}) \| (q_{ic}, 1 - q_{ic}))

    A mean over the classes, where `losses.binary_kl` is a sum.

    Returns:
        A metric, in nats a class; 0 where both agree.

    References:
        Yang, Xie, Zong, Feng, Niu, Sugiyama, Huang, Multi-label knowledge distillation,
        ICCV 2023 (arXiv:2308.06453).

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, same = binary_kl_to_teacher(), View(Outputs(jnp.ones((1, 2))))
        >>> views = {"student": same, "teacher": same}
        >>> float(metric.finish(metric.sums(views, {"id": jnp.array([7])})))
        0.0
    """

    def sums(views, batch):
        student, teacher, weights = _both(views, batch, False)
        return weighted_mean(binary_kl(student, teacher) / student.shape[-1], weights)

    return Metric(sums, ratio)


def _both(views, batch, labeled):
    weights = weights_of(batch, labeled=labeled)
    ours, theirs = logits_of(views), logits_of(views, TEACHER)
    return keep(ours, weights), keep(theirs, weights), weights
