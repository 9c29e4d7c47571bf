"""The one table of losses: each row drives every test of its family.

A new loss is one row here: its float64 transcription in NumPy, values worked out by
hand or by a second implementation, and what its family promises.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import optax

from jdistill import losses


class Member(NamedTuple):
    """A loss under test.

    `inputs` names the family of its arrays: 'labels', 'logits' or 'weights'.
    `reference` takes the same arguments in float64. `golden` pairs arguments with the
    value. `at_teacher` is 'zero' or 'least': what a student equal to the teacher gets.
    `squared_temperature` is whether the gradient keeps its size over temperatures.
    """

    loss: Callable[..., Any]
    inputs: str
    reference: Callable[..., Any]
    golden: tuple[tuple[tuple, Mapping[str, Any], Any], ...]
    numbers: tuple[Mapping[str, Any], ...] = ({},)
    at_teacher: str | None = None
    shift_invariant: bool = True
    squared_temperature: bool = False
    second: Callable[..., Any] | None = None


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def cross_entropy(logits, labels):
    return -np.take_along_axis(log_softmax(logits), labels[..., None], -1)[..., 0]


def soft_cross_entropy(student, teacher, temperature=1.0):
    student, teacher = np.float64(student), np.float64(teacher)
    p = np.exp(log_softmax(teacher / temperature))
    return -(temperature**2) * (p * log_softmax(student / temperature)).sum(-1)


def kl(student, teacher, temperature=1.0):
    entropy = soft_cross_entropy(teacher, teacher, temperature)
    return soft_cross_entropy(student, teacher, temperature) - entropy


def group_lasso(weights, axis=-1):
    groups = np.moveaxis(np.float64(weights), axis, 0)
    groups = groups.reshape(len(groups), -1)
    return math.sqrt(groups.shape[1]) * np.linalg.norm(groups, axis=1).sum()


THREE_TO_ONE = np.log(np.array([[0.75, 0.25]]))
EVEN = np.zeros((1, 2))
TEMPERATURES = ({}, {"temperature": 4.0}, {"temperature": 0.5})

MEMBERS = {
    "cross_entropy": Member(
        losses.cross_entropy,
        "labels",
        cross_entropy,
        golden=(
            ((THREE_TO_ONE, np.array([1])), {}, [math.log(4)]),
            ((EVEN, np.array([0])), {}, [math.log(2)]),
        ),
        second=optax.losses.softmax_cross_entropy_with_integer_labels,
    ),
    "group_lasso": Member(
        losses.group_lasso,
        "weights",
        group_lasso,
        golden=(
            ((np.array([[3.0, 0.0], [4.0, 0.0]]),), {}, 5 * math.sqrt(2)),
            ((np.array([[3.0, 0.0], [4.0, 0.0]]),), {"axis": 0}, 7 * math.sqrt(2)),
        ),
        numbers=({}, {"axis": 0}, {"axis": 1}),
    ),
    "kl": Member(
        losses.kl,
        "logits",
        kl,
        golden=(
            ((EVEN, THREE_TO_ONE), {}, [0.75 * math.log(1.5) + 0.25 * math.log(0.5)]),
            (
                (4 * EVEN, 4 * THREE_TO_ONE),
                {"temperature": 4.0},
                [16 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))],
            ),
            ((THREE_TO_ONE, EVEN), {}, [0.5 * math.log(4 / 3)]),
        ),
        numbers=TEMPERATURES,
        at_teacher="zero",
        squared_temperature=True,
        second=lambda s, t: optax.losses.kl_divergence_with_log_targets(
            log_softmax(s), log_softmax(t)
        ),
    ),
    "l1": Member(
        losses.l1,
        "weights",
        lambda weights: np.abs(np.float64(weights)).sum(),
        golden=(((np.array([[1.0, -2.0], [0.0, 3.5]]),), {}, 6.5),),
    ),
    "l2": Member(
        losses.l2,
        "weights",
        lambda weights: (np.float64(weights) ** 2).sum(),
        golden=(((np.array([[1.0, -2.0], [0.0, 3.0]]),), {}, 14.0),),
    ),
    "soft_cross_entropy": Member(
        losses.soft_cross_entropy,
        "logits",
        soft_cross_entropy,
        golden=(
            ((EVEN, THREE_TO_ONE), {}, [math.log(2)]),
            ((4 * EVEN, 4 * THREE_TO_ONE), {"temperature": 4.0}, [16 * math.log(2)]),
            ((THREE_TO_ONE, EVEN), {}, [0.5 * math.log(16 / 3)]),
        ),
        numbers=TEMPERATURES,
        at_teacher="least",
        squared_temperature=True,
        second=lambda s, t: optax.losses.softmax_cross_entropy(
            s, np.exp(log_softmax(t))
        ),
    ),
}
