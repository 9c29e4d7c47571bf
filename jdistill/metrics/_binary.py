"""Figures where each class is a question of its own: several may be true at once.

A class is said to be true where its probability, the sigmoid of its logit, is above a
threshold.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp

from jdistill import checks
from jdistill.counting import ratio, weighted_mean
from jdistill.losses import binary_cross_entropy
from jdistill.metrics._classes import Counts, rate
from jdistill.metrics._labelled import said, tagged
from jdistill.typing import Metric


@functools.cache
def binary_precision(*, average: str = "macro", threshold: float = 0.5) -> Metric:
    r"""Of the examples said to be of a class, the share that is of it.

    .. math:: P_c = TP_c / (TP_c + FP_c), \quad \hat y_c = [\sigma(z_c) > t]

    0 for a class that no example is said to be of.

    Args:
        average: 'macro' is the mean over the classes that labels or predictions have,
            'micro' counts all classes together, 'per_class' is `[classes]`.
        threshold: t, a probability.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `average` is another word, or the threshold is not between 0 and 1.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = binary_precision(), jnp.array([[1.0, 1.0], [1.0, -1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([[1.0, 1.0], [0.0, 0.0]])})
        >>> float(metric.finish(sums))
        0.75
    """
    return rate(average, lambda n: (n.right, n.predicted), _counting(threshold))


@functools.cache
def binary_recall(*, average: str = "macro", threshold: float = 0.5) -> Metric:
    r"""Of the examples of a class, the share that is said to be of it.

    .. math:: R_c = TP_c / (TP_c + FN_c), \quad \hat y_c = [\sigma(z_c) > t]

    0 for a class that has no example.

    Args:
        average: 'macro' is the mean over the classes that labels or predictions have,
            'micro' counts all classes together, 'per_class' is `[classes]`.
        threshold: t, a probability.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `average` is another word, or the threshold is not between 0 and 1.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = binary_recall(), jnp.array([[1.0, 1.0], [1.0, -1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([[1.0, 1.0], [0.0, 1.0]])})
        >>> float(metric.finish(sums))
        0.75
    """
    return rate(average, lambda n: (n.right, n.actual), _counting(threshold))


@functools.cache
def binary_f1(*, average: str = "macro", threshold: float = 0.5) -> Metric:
    r"""The harmonic mean of precision and recall of a class.

    .. math:: F_c = 2 TP_c / (2 TP_c + FP_c + FN_c), \quad
        \hat y_c = [\sigma(z_c) > t]

    0 for a class that is never found right.

    Args:
        average: 'macro' is the mean over the classes that labels or predictions have,
            'micro' counts all classes together, 'per_class' is `[classes]`.
        threshold: t, a probability.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `average` is another word, or the threshold is not between 0 and 1.

    References:
        Lewis, Yang, Rose, Li, RCV1: a new benchmark collection for text categorization
        research, JMLR 2004, on both averages.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = binary_f1(), jnp.array([[1.0, 1.0], [1.0, -1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([[1.0, 1.0], [0.0, 0.0]])})
        >>> float(metric.finish(sums)).__round__(4)
        0.8333
    """
    both = _counting(threshold)
    return rate(average, lambda n: (2 * n.right, n.predicted + n.actual), both)


@functools.cache
def subset_accuracy(*, threshold: float = 0.5) -> Metric:
    r"""The share of examples of which every class is right.

    .. math:: \frac{1}{n} \sum_i \prod_c [\hat y_{ic} = y_{ic}], \quad
        \hat y_{ic} = [\sigma(z_{ic}) > t]

    Args:
        threshold: t, a probability.

    Returns:
        A metric, 0 to 1; 0 for no examples.

    Raises:
        ValueError: the threshold is not between 0 and 1.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = subset_accuracy(), jnp.array([[1.0, 1.0], [1.0, -1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([[1.0, 1.0], [0.0, 0.0]])})
        >>> float(metric.finish(sums))
        0.5
    """
    checks.share(threshold=threshold)

    def sums(views, batch):
        logits, labels, weights = tagged(views, batch)
        right = said(logits, threshold) == labels
        return weighted_mean(jnp.all(right, axis=-1), weights)

    return Metric(sums, ratio)


@functools.cache
def hamming(*, threshold: float = 0.5) -> Metric:
    r"""The share of classes that are wrong, of all examples together.

    .. math:: \frac{1}{n C} \sum_{ic} [\hat y_{ic} \ne y_{ic}], \quad
        \hat y_{ic} = [\sigma(z_{ic}) > t]

    Where a class is true of few examples, one that says no to all is nearly right.

    Args:
        threshold: t, a probability.

    Returns:
        A metric, 0 to 1; 0 is best.

    Raises:
        ValueError: the threshold is not between 0 and 1.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = hamming(), jnp.array([[1.0, 1.0], [1.0, -1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([[1.0, 1.0], [0.0, 0.0]])})
        >>> float(metric.finish(sums))
        0.25
    """
    checks.share(threshold=threshold)

    def sums(views, batch):
        logits, labels, weights = tagged(views, batch)
        wrong = said(logits, threshold) != labels
        return weighted_mean(jnp.mean(wrong, axis=-1), weights)

    return Metric(sums, ratio)


@functools.cache
def binary_nll() -> Metric:
    r"""The negative log-likelihood of yes or no, in nats a class.

    .. math:: -\frac{1}{n C} \sum_{ic} (y_{ic} \log q_{ic} + (1 - y_{ic})
        \log(1 - q_{ic})), \quad q = \sigma(z)

    A mean over the classes, where `losses.binary_cross_entropy` is a sum.

    Returns:
        A metric, 0 or more.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = binary_nll(), jnp.zeros((1, 2))
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([[1.0, 0.0]])})
        >>> float(metric.finish(sums)).__round__(4)
        0.6931
    """

    def sums(views, batch):
        logits, labels, weights = tagged(views, batch)
        each = binary_cross_entropy(logits, labels) / labels.shape[-1]
        return weighted_mean(each, weights)

    return Metric(sums, ratio)


def _counting(threshold: float) -> Callable[..., Counts]:
    checks.share(threshold=threshold)

    def counts(views, batch):
        logits, labels, weights = tagged(views, batch)
        found, each = said(logits, threshold), weights[:, None]
        return Counts(
            right=jnp.sum(each * found * labels, axis=0),
            predicted=jnp.sum(each * found, axis=0),
            actual=jnp.sum(each * labels, axis=0),
        )

    return counts
