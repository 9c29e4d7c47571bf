"""Losses where each class is a question of its own."""

import math

import numpy as np
import optax

from jdistill import losses
from tests.losses.members._examples import EVEN, WARM
from tests.losses.members._member import CLASSES, Member, logits, normal


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def binary_kl(student, teacher, temperature=1.0):
    p, q = sigmoid(teacher / temperature), sigmoid(student / temperature)
    values = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    return temperature**2 * values.sum(-1)


def binary_cross_entropy(logits, labels):
    q = sigmoid(logits)
    return -np.log(np.where(labels == 1, q, 1 - q)).sum(-1)


def logits_and_answers(random, batch, scale=2.0):
    both = normal(random, *batch, CLASSES, scale=scale)
    return (both, random.integers(2, size=(*batch, CLASSES))), {}


ODDS = np.log(np.array([[3.0, 1.0 / 3.0]]))

MEMBERS = {
    "binary_kl": Member(
        losses.binary_kl,
        logits,
        binary_kl,
        golden=(
            (
                (EVEN, ODDS),
                {},
                [2 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))],
            ),
            (
                (4 * EVEN, 4 * ODDS),
                {"temperature": 4.0},
                [32 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))],
            ),
            ((ODDS, EVEN), {}, [math.log(4 / 3)]),
        ),
        numbers=WARM,
        at_teacher="zero",
        squared_temperature=True,
        any_batch=True,
    ),
    "binary_cross_entropy": Member(
        losses.binary_cross_entropy,
        logits_and_answers,
        binary_cross_entropy,
        golden=(
            ((EVEN, np.array([[0, 1]])), {}, [2 * math.log(2)]),
            ((ODDS, np.array([[1, 1]])), {}, [math.log(4 / 3) + math.log(4)]),
        ),
        any_batch=True,
        second=lambda z, y: optax.losses.sigmoid_binary_cross_entropy(
            z, y.astype(np.float32)
        ).sum(-1),
    ),
}
