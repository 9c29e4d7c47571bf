"""Logits beside labels: what counts, and what makes a figure NaN."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jdistill.counting import keep, weights_of
from jdistill.typing import Batch, Views
from jdistill.views import logits_of


class Labelled(NamedTuple):
    """The student's logits, the labels, and the weight of each."""

    logits: Float[Array, "*batch classes"]
    labels: Int[Array, "*batch"]
    weights: Float[Array, "*batch"]


def labelled(views: Views, batch: Batch) -> Labelled:
    """What a figure of labels is made of, 0 where an example does not count.

    A label that counts and is none of the classes makes all weights NaN, and so every
    figure: no number is better than a wrong one.

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
            f"{list(batch['label'].shape)}, shares or numbers"
        )
    weights = weights_of(batch, labeled=True)
    logits = keep(logits_of(views), weights)
    labels = keep(batch["label"], weights)
    wrong = (labels < 0) | (labels >= logits.shape[-1])
    return Labelled(logits, labels, jnp.where(jnp.any(wrong), jnp.nan, weights))
