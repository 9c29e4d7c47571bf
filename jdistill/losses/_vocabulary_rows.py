"""The losses that go over a vocabulary in parts, each as what it sums over the words.

`terms(target, log_q, **numbers)` are the summands: of a teacher the target is `log_p`,
of labels it is 1 at the label and 0 elsewhere, and of some of a teacher's classes they
are summands of these alone. What is a sum over words needs no more than a part of them
at a time, and so does its gradient.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from jdistill.losses._divergences import (
    jsd,
    jsd_terms,
    mixture_terms,
    reverse_kl,
    skewed_kl,
    skewed_reverse_kl,
    total_variation,
    total_variation_terms,
)
from jdistill.losses._labels import cross_entropy, label_smoothing
from jdistill.losses._logits import divergence_terms, kl, soft_cross_entropy
from jdistill.losses._sparse import sparse_kl, sparse_soft_cross_entropy


class Row(NamedTuple):
    """A loss of whole logits and its summands.

    * `terms(target, log_q, **numbers)`: one number for each word, multiplied by the
      squared temperature once they are added up.
    * `taught`: whether the target is a teacher's log-probabilities.
    * `some`: whether it is some of them, a `SparseTarget`; else it is a label.
    * `tailed`: the summands where the target has a tail, and so adds up to 1.
    """

    loss: Callable[..., Any]
    terms: Callable[..., Any]
    taught: bool = True
    some: bool = False
    tailed: Callable[..., Any] | None = None


def _reverse_kl(log_p, log_q):
    return divergence_terms(log_q, log_p)


def _soft_cross_entropy(log_p, log_q):
    return -jnp.exp(log_p) * log_q


def _some_kl(log_p, log_q):
    return jnp.exp(log_p) * (log_p - log_q)


def _skewed_kl(log_p, log_q, *, alpha):
    return mixture_terms(log_p, log_q, alpha)


def _skewed_reverse_kl(log_p, log_q, *, alpha):
    return mixture_terms(log_q, log_p, alpha)


def _cross_entropy(hit, log_q, *, classes):
    del classes
    return jnp.where(hit, -log_q, 0.0)


def _label_smoothing(hit, log_q, *, classes, smoothing):
    return -((1 - smoothing) * hit + smoothing / classes) * log_q


ROWS = (
    Row(cross_entropy, _cross_entropy, taught=False),
    Row(label_smoothing, _label_smoothing, taught=False),
    Row(kl, divergence_terms),
    Row(soft_cross_entropy, _soft_cross_entropy),
    Row(reverse_kl, _reverse_kl),
    Row(jsd, jsd_terms),
    Row(total_variation, total_variation_terms),
    Row(skewed_kl, _skewed_kl),
    Row(skewed_reverse_kl, _skewed_reverse_kl),
    Row(sparse_kl, _some_kl, taught=False, some=True, tailed=divergence_terms),
    Row(sparse_soft_cross_entropy, _soft_cross_entropy, taught=False, some=True),
)


def row_of(loss: Callable[..., Any]) -> Row:
    """The row of a loss.

    Raises:
        ValueError: it has none; the message lists those that have.

    Example:
        >>> row_of(kl).taught
        True
    """
    for row in ROWS:
        if row.loss is loss:
            return row
    names = ", ".join(row.loss.__name__ for row in ROWS)
    what = getattr(loss, "__name__", repr(loss))
    raise ValueError(f"{what} does not go over a vocabulary; valid: {names}")
