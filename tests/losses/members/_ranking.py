"""Losses of the order of classes."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._examples import BOTH
from tests.losses.members._member import Member, logits


def over_pairs(student, teacher, loss):
    classes = student.shape[-1]
    values = []
    for s, t in zip(
        student.reshape(-1, classes), teacher.reshape(-1, classes), strict=True
    ):
        pairs = [
            loss(s[i] - s[j])
            for i in range(classes)
            for j in range(classes)
            if t[i] > t[j]
        ]
        values.append(np.mean(pairs) if pairs else 0.0)
    return np.reshape(values, student.shape[:-1])


def hinge_ranking(student, teacher, margin=0.0):
    return over_pairs(student, teacher, lambda gap: max(0.0, margin - gap))


def logistic_ranking(student, teacher):
    return over_pairs(student, teacher, lambda gap: np.logaddexp(0, -gap))


DOWN = np.array([[3.0, 2.0, 1.0]])
MIXED = np.array([[1.0, 0.0, 2.0]])

MEMBERS = {
    "hinge_ranking": Member(
        losses.hinge_ranking,
        logits,
        hinge_ranking,
        golden=(
            ((MIXED, DOWN), {}, [(0 + 1 + 2) / 3]),
            ((MIXED, DOWN), {"margin": 1.5}, [(0.5 + 2.5 + 3.5) / 3]),
            ((MIXED, 0 * DOWN), {"margin": 1.5}, [0.0]),
        ),
        numbers=({}, {"margin": 0.7}),
        any_batch=True,
        shift_invariant=True,
    ),
    "logistic_ranking": Member(
        losses.logistic_ranking,
        logits,
        logistic_ranking,
        golden=(
            ((0 * DOWN, DOWN), {}, [math.log(2)]),
            (
                (MIXED, DOWN),
                {},
                [sum(math.log(1 + math.exp(x)) for x in (-1, 1, 2)) / 3],
            ),
            # DistillKit's program on the same logits
            (BOTH, {}, [0.23991776, 0.38480990, 0.65785278]),
        ),
        any_batch=True,
        shift_invariant=True,
    ),
}
