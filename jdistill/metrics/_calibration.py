"""How good the probabilities are, not only the first of them."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.checks import whole
from jdistill.counting import ratio, weighted_mean
from jdistill.losses import cross_entropy
from jdistill.metrics._labelled import labelled
from jdistill.typing import Metric


@functools.cache
def nll() -> Metric:
    r"""The negative log-likelihood of the labels, in nats for an example or token.

    .. math:: -\frac{1}{n} \sum_i \log q_{i y_i}

    Returns:
        A metric, 0 or more.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = nll(), jnp.zeros((1, 2))
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1])})
        >>> float(metric.finish(sums)).__round__(4)
        0.6931
    """
    return Metric(_surprise, ratio)


@functools.cache
def perplexity() -> Metric:
    r"""The number of equally likely classes that would surprise as much.

    .. math:: \exp(-\frac{1}{n} \sum_i \log q_{i y_i})

    Returns:
        A metric, 1 or more.

    References:
        Jelinek et al., Perplexity: a measure of the difficulty of speech recognition
        tasks, Journal of the Acoustical Society of America, 1977.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = perplexity(), jnp.zeros((1, 2))
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([1])})
        >>> float(metric.finish(sums)).__round__(4)
        2.0
    """
    return Metric(_surprise, lambda sums: jnp.exp(ratio(sums)))


class Bins(NamedTuple):
    """How many examples, their confidences and their hits in each bin; `[num_bins]`."""

    count: Any
    confidence: Any
    right: Any


@functools.cache
def ece(*, num_bins: int = 15) -> Metric:
    r"""The expected calibration error, over bins of the largest probability.

    .. math:: \sum_b \frac{n_b}{n} |acc_b - conf_b|, \quad
        bin_b = (\tfrac{b}{B}, \tfrac{b + 1}{B}]

    Args:
        num_bins: B, bins of equal width.

    Returns:
        A metric, 0 to 1.

    Raises:
        ValueError: `num_bins` is below 1.

    References:
        Guo et al., On calibration of modern neural networks, ICML 2017
        (arXiv:1706.04599).

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> metric, logits = ece(), jnp.log(jnp.array([[0.75, 0.25], [0.75, 0.25]]))
        >>> views = {"student": View(Outputs(logits))}
        >>> sums = metric.sums(views, {"label": jnp.array([0, 1])})
        >>> float(metric.finish(sums)).__round__(4)
        0.25
    """
    whole(num_bins=num_bins)

    def sums(views, batch):
        logits, labels, weights = labelled(views, batch)
        q = jax.nn.softmax(logits.astype(jnp.float32))
        confidence = jnp.max(q, axis=-1)
        right = jnp.argmax(logits, axis=-1) == labels
        index = jnp.ceil(confidence * num_bins).astype(jnp.int32) - 1
        index, none = jnp.clip(index, 0, num_bins - 1), jnp.zeros(num_bins)
        return Bins(
            count=none.at[index].add(weights),
            confidence=none.at[index].add(weights * confidence),
            right=none.at[index].add(weights * right),
        )

    def finish(bins):
        gaps = jnp.abs(bins.right - bins.confidence)
        return ratio((jnp.sum(gaps), jnp.sum(bins.count)))

    return Metric(sums, finish)


def _surprise(views, batch):
    logits, labels, weights = labelled(views, batch)
    return weighted_mean(cross_entropy(logits, labels), weights)
