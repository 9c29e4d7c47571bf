"""Which figures suit the labels of a batch: the one place that decides it."""

import jax.numpy as jnp

from jdistill.counting import several_labels
from jdistill.metrics._binary import (
    binary_f1,
    binary_nll,
    binary_precision,
    binary_recall,
    hamming,
    subset_accuracy,
)
from jdistill.metrics._calibration import ece, nll
from jdistill.metrics._classes import AVERAGES, confusion, f1, precision, recall
from jdistill.metrics._correct import accuracy
from jdistill.metrics._fidelity import agreement, binary_agreement
from jdistill.metrics._labelled import labelled, tagged
from jdistill.metrics._ranking import average_precision
from jdistill.typing import Batch, Metric

_LABELLED, _TAGGED = (
    Metric(
        lambda views, batch, reads=reads: jnp.sum(reads(views, batch).weights),
        lambda count: count,
    )
    for reads in (labelled, tagged)
)
"""How many labels count, NaN where one of them is none."""


def usual(batch: Batch, *, teacher: bool = False) -> dict[str, Metric]:
    """The figures of one number that say how good a network is on such labels.

    Of classes: `accuracy`, `recall_macro`, `nll` and `ece`. Of several labels an
    example, floats 0 or 1 for each class: `average_precision`, `f1_macro`, `f1_micro`,
    `subset_accuracy`, `hamming` and `nll`, which is `binary_nll`. Floats whose rows all
    add up to one are shares, of which there are no figures.

    Args:
        batch: arrays by name, such as `split.arrays`.
        teacher: whether `agreement` with a teacher is one of them.

    Returns:
        Metrics by name, as `evaluate` takes them.

    Example:
        >>> import numpy as np
        >>> [*usual({'label': np.array([0, 2])}, teacher=True)]
        ['accuracy', 'recall_macro', 'nll', 'ece', 'agreement']
        >>> [*usual({'label': np.array([[1.0, 1.0, 0.0]])})][:3]
        ['average_precision', 'f1_macro', 'f1_micro']
    """
    if several_labels(batch):
        found = {
            "average_precision": average_precision(),
            "f1_macro": binary_f1(),
            "f1_micro": binary_f1(average="micro"),
            "subset_accuracy": subset_accuracy(),
            "hamming": hamming(),
            "nll": binary_nll(),
        }
        same = binary_agreement()
    else:
        found = {
            "accuracy": accuracy(),
            "recall_macro": recall(),
            "nll": nll(),
            "ece": ece(),
        }
        same = agreement()
    return {**found, "agreement": same} if teacher else found


def detailed(batch: Batch, *, teacher: bool = False) -> dict[str, Metric]:
    """The usual figures, those of each class, and every average, as rows have them.

    Precision, recall and F1 as 'macro', 'micro' and 'per_class'; of classes also
    `confusion`, of several labels `average_precision_per_class`; `examples` are how
    many labels count.

    Args:
        batch: arrays by name, such as `split.arrays`.
        teacher: whether `agreement` with a teacher is one of them.

    Returns:
        Metrics by name, as `evaluate` takes them.

    Example:
        >>> import numpy as np
        >>> 'confusion' in detailed({'label': np.array([0, 2])})
        True
    """
    if several_labels(batch):
        rates = (binary_precision, binary_recall, binary_f1)
        each = "average_precision_per_class"
        more = {each: average_precision(average="per_class"), "examples": _TAGGED}
    else:
        rates = (precision, recall, f1)
        more = {"confusion": confusion(), "examples": _LABELLED}
    names = ("precision", "recall", "f1")
    averages = {
        f"{name}_{average}": make(average=average)
        for name, make in zip(names, rates, strict=True)
        for average in AVERAGES
    }
    return {**usual(batch, teacher=teacher), **averages, **more}
