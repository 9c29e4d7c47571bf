"""Precision, recall and F1 of classes, and the table they come from."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from jdistill.metrics._labelled import labelled
from jdistill.typing import Metric

AVERAGES = ("macro", "micro", "per_class")


class Counts(NamedTuple):
    """How many examples of each class are right, predicted and there; `[classes]`."""

    right: Any
    predicted: Any
    actual: Any


@functools.cache
def confusion() -> Metric:
    r"""The table of labels against predictions.

    .. math:: C_{ab} = \sum_i [y_i = a] [\arg\max_c z_{ic} = b]

    Returns:
        A metric, `[classes, classes]`, rows are labels and columns predictions.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = confusion(), jnp.array([[0.0, 1.0], [0.0, 1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> metric.sums(views, {"label": jnp.array([1, 0])}).tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """

    def sums(views, batch):
        labels, predictions, weights, none = _pairs(views, batch)
        table = jnp.zeros((len(none), len(none)), jnp.float32) + none[0]
        return table.at[labels, predictions].add(weights)

    return Metric(sums, lambda table: table)


@functools.cache
def precision(*, average: str = "macro") -> Metric:
    r"""Of the examples predicted as a class, the share that is of it.

    .. math:: P_c = TP_c / (TP_c + FP_c)

    0 for a class that is never predicted.

    Args:
        average: 'macro' is the mean over the classes that labels or predictions have,
            'micro' counts all classes together, 'per_class' is `[classes]`.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `average` is another word.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = precision(), jnp.array([[0.0, 1.0], [0.0, 1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1, 0])})
        >>> float(metric.finish(sums))
        0.25
    """
    return rate(average, lambda n: (n.right, n.predicted), _counts)


@functools.cache
def recall(*, average: str = "macro") -> Metric:
    r"""Of the examples of a class, the share that is predicted as it.

    .. math:: R_c = TP_c / (TP_c + FN_c)

    0 for a class that has no example.

    Args:
        average: 'macro' is the mean over the classes that labels or predictions have,
            'micro' counts all classes together, 'per_class' is `[classes]`.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `average` is another word.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = recall(), jnp.array([[0.0, 1.0], [0.0, 1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1, 0])})
        >>> float(metric.finish(sums))
        0.5
    """
    return rate(average, lambda n: (n.right, n.actual), _counts)


@functools.cache
def f1(*, average: str = "macro") -> Metric:
    r"""The harmonic mean of precision and recall of a class.

    .. math:: F_c = 2 TP_c / (2 TP_c + FP_c + FN_c)

    0 for a class that is never predicted right.

    Args:
        average: 'macro' is the mean over the classes that labels or predictions have,
            'micro' counts all classes together, 'per_class' is `[classes]`.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `average` is another word.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = f1(), jnp.array([[0.0, 1.0], [0.0, 1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1, 0])})
        >>> float(metric.finish(sums)).__round__(4)
        0.3333
    """
    return rate(average, lambda n: (2 * n.right, n.predicted + n.actual), _counts)


def rate(
    average: str,
    parts: Callable[[Counts], tuple[Any, Any]],
    sums: Callable[..., Counts],
) -> Metric:
    """A metric that divides two counts of each class.

    Args:
        average: 'macro', 'micro' or 'per_class'.
        parts: what is divided, and what by.
        sums: counts a batch.

    Raises:
        ValueError: `average` is another word.

    Example:
        >>> rate('micro', lambda n: (n.right, n.actual), _counts).sums is _counts
        True
    """
    check_average(average)

    def finish(counts):
        above, below = parts(counts)
        if average == "micro":
            return divide(jnp.sum(above), jnp.sum(below))
        there = (counts.predicted + counts.actual) != 0
        return averaged(divide(above, below), there, average)

    return Metric(sums, finish)


def check_average(average: str) -> None:
    """Refuses another word than 'macro', 'micro' and 'per_class'.

    Raises:
        ValueError: it is another.

    Example:
        >>> check_average('macro')
    """
    if average not in AVERAGES:
        raise ValueError(f"average must be one of {AVERAGES}, got {average!r}")


def averaged(each: Any, there: Any, average: str) -> Any:
    """Each class's figure, or their mean over the classes that are there.

    Example:
        >>> each, there = jnp.array([0.5, 0.0]), jnp.array([True, False])
        >>> float(averaged(each, there, 'macro'))
        0.5
    """
    if average == "per_class":
        return each
    return divide(jnp.sum(jnp.where(there, each, 0)), jnp.sum(there))


def _counts(views, batch):
    labels, predictions, weights, none = _pairs(views, batch)
    return Counts(
        right=none.at[labels].add(weights * (labels == predictions)),
        predicted=none.at[predictions].add(weights),
        actual=none.at[labels].add(weights),
    )


def _pairs(views, batch):
    """Labels, predictions, weights, and 0 for each class, NaN if a weight is."""
    logits, labels, weights = labelled(views, batch)
    none = jnp.zeros(logits.shape[-1], jnp.float32) + 0 * jnp.sum(weights)
    return labels, jnp.argmax(logits, axis=-1), weights, none


def divide(above: Any, below: Any) -> Any:
    """The quotient, 0 where there is nothing to divide by; what is NaN stays NaN.

    Example:
        >>> float(divide(3.0, 0.0))
        0.0
    """
    return jnp.where(below != 0, above / jnp.where(below != 0, below, 1), 0.0)
