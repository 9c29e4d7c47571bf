"""Losses of the student's logits and the labels."""

import math

import numpy as np
import optax

from jdistill import losses
from tests.losses.members._examples import EVEN, LABELS, STUDENT, THREE_TO_ONE
from tests.losses.members._member import CLASSES, Member, log_softmax, normal, softmax


def logits_and_labels(random, batch, scale=2.0):
    logits = normal(random, *batch, CLASSES, scale=scale)
    return (logits, random.integers(CLASSES, size=batch)), {}


def cross_entropy(logits, labels):
    return -np.take_along_axis(log_softmax(logits), labels[..., None], -1)[..., 0]


def one_hot(labels, classes):
    return (labels[..., None] == np.arange(classes)).astype(np.float64)


def label_smoothing(logits, labels, smoothing=0.1):
    classes = logits.shape[-1]
    p = (1 - smoothing) * one_hot(labels, classes) + smoothing / classes
    return -(p * log_softmax(logits)).sum(-1)


def virtual_teacher(logits, labels, probability=0.99, temperature=20.0):
    classes = logits.shape[-1]
    right = one_hot(labels, classes)
    u = probability * right + (1 - probability) / (classes - 1) * (1 - right)
    p = softmax(u / temperature)
    return (p * (np.log(p) - log_softmax(logits))).sum(-1)


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
    # The numbers of eight digits are those of the program of Yuan et al.
    "label_smoothing": Member(
        losses.label_smoothing,
        logits_and_labels,
        label_smoothing,
        golden=(
            ((EVEN, np.array([0])), {}, [math.log(2)]),
            (
                (THREE_TO_ONE, np.array([1])),
                {"smoothing": 0.5},
                [0.75 * math.log(4) + 0.25 * math.log(4 / 3)],
            ),
            # there the three wrong classes share 0.1, here all four share its 4 / 3
            (
                (STUDENT, LABELS),
                {"smoothing": 0.1 * 4 / 3},
                [0.57761233, 0.70174779, 0.48518245],
            ),
        ),
        numbers=({}, {"smoothing": 0.4}),
        any_batch=True,
        shift_invariant=True,
        second=lambda logits, labels: optax.losses.softmax_cross_entropy(
            logits, optax.losses.smooth_labels(np.eye(CLASSES)[labels], 0.1)
        ),
    ),
    "virtual_teacher": Member(
        losses.virtual_teacher,
        logits_and_labels,
        virtual_teacher,
        golden=(
            # u / T is (0.75 - 0.25) log(3) / 0.5 = log 3 larger at the label
            (
                (EVEN, np.array([0])),
                {"probability": 0.75, "temperature": 0.5 / math.log(3)},
                [0.75 * math.log(1.5) + 0.25 * math.log(0.5)],
            ),
            ((STUDENT, LABELS), {}, [0.52620907, 0.65034453, 1.02102924]),
        ),
        numbers=({}, {"probability": 0.5, "temperature": 0.1}),
        any_batch=True,
        shift_invariant=True,
    ),
}
