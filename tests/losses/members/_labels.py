"""Losses of the student's logits and the labels."""

import math

import numpy as np
import optax

from jdistill import losses
from tests.losses.members._member import CLASSES, Member, log_softmax, normal


def logits_and_labels(random, batch, scale=2.0):
    logits = normal(random, *batch, CLASSES, scale=scale)
    return (logits, random.integers(CLASSES, size=batch)), {}


def cross_entropy(logits, labels):
    return -np.take_along_axis(log_softmax(logits), labels[..., None], -1)[..., 0]


THREE_TO_ONE = np.log(np.array([[0.75, 0.25]]))
EVEN = np.zeros((1, 2))

MEMBERS = {
    "cross_entropy": Member(
        losses.cross_entropy,
        logits_and_labels,
        cross_entropy,
        golden=(
            ((THREE_TO_ONE, np.array([1])), {}, [math.log(4)]),
            ((EVEN, np.array([0])), {}, [math.log(2)]),
        ),
        any_batch=True,
        shift_invariant=True,
        second=optax.losses.softmax_cross_entropy_with_integer_labels,
    ),
}
