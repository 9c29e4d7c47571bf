"""How often the label is the first, or among the first."""

import functools

import jax
import jax.numpy as jnp

from jdistill.checks import whole
from jdistill.counting import ratio, weighted_mean
from jdistill.metrics._labelled import labelled
from jdistill.typing import Metric


@functools.cache
def accuracy() -> Metric:
    r"""The share of examples (tokens, where labels are sequences) that are right.

    .. math:: \frac{1}{n} \sum_i [\arg\max_c z_{ic} = y_i]

    Returns:
        A metric, 0 to 1; 0 for no examples.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = accuracy(), jnp.array([[0.0, 1.0], [0.0, 1.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1, 0])})
        >>> float(metric.finish(sums))
        0.5
    """
    return top_k(k=1)


@functools.cache
def top_k(*, k: int = 5) -> Metric:
    r"""The share of examples whose label is among the k largest logits.

    .. math:: \frac{1}{n} \sum_i [y_i \in top_k(z_i)]

    Of equal logits the one of the lower class counts as larger.

    Args:
        k: how many; with as many as there are classes all are right.

    Returns:
        A metric, 0 to 1; 0 for no examples.

    Raises:
        ValueError: k is below 1.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = top_k(k=2), jnp.array([[0.0, 1.0, 2.0]])
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1])})
        >>> float(metric.finish(sums))
        1.0
    """
    whole(k=k)

    def sums(views, batch):
        logits, labels, weights = labelled(views, batch)
        logits = jnp.where(logits == 0, 0, logits)  # -0.0 would rank below 0.0
        _, first = jax.lax.top_k(logits, min(k, logits.shape[-1]))
        right = jnp.any(first == labels[..., None], axis=-1)
        return weighted_mean(right, weights)

    return Metric(sums, ratio)
