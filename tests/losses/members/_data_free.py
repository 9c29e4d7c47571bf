"""What a generator learns from a teacher."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._member import CLASSES, Member, log_softmax, normal, softmax


def one_side(random, batch, scale=2.0):
    return (normal(random, *batch, CLASSES, scale=scale),), {}


def maps(random, batch, scale=1.0):
    return (normal(random, *batch, 3, 4, 5, scale=scale),), {}


def class_balance(logits, mask=None):
    weights = np.ones(len(logits)) if mask is None else mask
    mean = (weights[:, None] * softmax(logits)).sum(0) / weights.sum()
    return weights * (mean * np.log(mean)).sum()


MEMBERS = {
    "one_hot": Member(
        losses.one_hot,
        one_side,
        lambda logits: -log_softmax(logits).max(-1),
        golden=(
            ((np.zeros((1, 4)),), {}, [math.log(4)]),
            ((np.log([[3.0, 1.0]]),), {}, [math.log(4 / 3)]),
        ),
        any_batch=True,
        shift_invariant=True,
    ),
    "activation": Member(
        losses.activation,
        maps,
        lambda x: -np.abs(np.float64(x)).reshape(len(x), -1).mean(-1),
        golden=(((np.array([[2.0, -4.0]]),), {}, [-3.0]),),
    ),
    "class_balance": Member(
        losses.class_balance,
        one_side,
        class_balance,
        golden=(
            ((np.log([[3.0, 1.0], [1.0, 3.0]]),), {}, [-math.log(2)] * 2),
            ((np.log([[3.0, 1.0]]),), {}, [0.75 * math.log(3) - math.log(4)]),
        ),
        relates=True,
        shift_invariant=True,
    ),
}
