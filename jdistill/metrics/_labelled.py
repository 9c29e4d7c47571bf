"""Logits beside labels: what counts, and what makes a figure NaN."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from jdistill.counting import keep, weights_of
from jdistill.typing import Batch, Views
from jdistill.views import logits_of


class Labelled(NamedTuple):
    """The student's logits, the labels, and the weight of each.

    Labels are classes `[*batch]`, or 0 and 1 for each class `[batch, classes]`.
    """

    logits: Float[Array, "*batch classes"]
    labels: Shaped[Array, "..."]
    weights: Float[Array, "*batch"]


def labelled(views: Views, batch: Batch) -> Labelled:
    """What a figure of labels is made of, 0 where an example does not count.

    A label that counts and is none of the classes makes all weights NaN, and so every
    figure: no number is better than a wrong one. So does a logit that is NaN, which
    would else be the largest of all.

    Raises:
        ValueError: there are no labels, or they are no classes but numbers or shares.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> views = {"student": View(Outputs(jnp.zeros((2, 3))))}
        >>> labelled(views, {"label": jnp.array([0, -1])}).weights
        Array([nan, nan], dtype=float32)
    """
    if "label" not in batch:
        raise ValueError(f"no 'label' in the batch; there are {sorted(batch)}")
    if jnp.issubdtype(batch["label"].dtype, jnp.floating):
        raise ValueError(
            f"labels must be classes, integers; they are {batch['label'].dtype}"
            f"{list(batch['label'].shape)}, shares or numbers; of several labels an "
            "example there are metrics.binary_f1() and the like"
        )
    weights = weights_of(batch, labeled=True)
    logits = keep(logits_of(views), weights)
    labels = keep(batch["label"], weights)
    wrong = jnp.any((labels < 0) | (labels >= logits.shape[-1]))
    wrong |= jnp.any(jnp.isnan(logits))
    return Labelled(logits, labels, jnp.where(wrong, jnp.nan, weights))


def tagged(views: Views, batch: Batch) -> Labelled:
    """What a figure of several labels an example is made of, 0 where it has none.

    A label that counts and is neither 0 nor 1 makes all weights NaN, and so every
    figure; so does a logit that is NaN.

    Raises:
        ValueError: there are no labels, or they are not floats of the shape of the
            logits.

    Example:
        >>> from jdistill.typing import Outputs, View
        >>> views = {"student": View(Outputs(jnp.zeros((2, 3))))}
        >>> tagged(views, {"label": jnp.zeros((2, 3))}).weights
        Array([1., 1.], dtype=float32)
    """
    if "label" not in batch:
        raise ValueError(f"no 'label' in the batch; there are {sorted(batch)}")
    labels, logits = batch["label"], logits_of(views)
    floats = jnp.issubdtype(labels.dtype, jnp.floating)
    if not floats or labels.ndim != 2 or labels.shape != logits.shape:
        raise ValueError(
            "labels must be 0 or 1 for each class, floats of the shape of the logits "
            f"{list(logits.shape)}; they are {labels.dtype}{list(labels.shape)}"
        )
    weights = weights_of(batch, labeled=True)
    logits, labels = keep(logits, weights), keep(labels, weights)
    wrong = jnp.any((labels != 0) & (labels != 1)) | jnp.any(jnp.isnan(logits))
    return Labelled(
        logits.astype(jnp.float32),
        labels.astype(jnp.float32),
        jnp.where(wrong, jnp.nan, weights),
    )


def said(
    logits: Float[Array, "*batch classes"], threshold: float
) -> Bool[Array, "*batch classes"]:
    """Which classes a network says are true, each by itself.

    Example:
        >>> said(jnp.array([-1.0, 0.0, 1.0]), 0.5).tolist()
        [False, False, True]
    """
    return jax.nn.sigmoid(logits.astype(jnp.float32)) > threshold
