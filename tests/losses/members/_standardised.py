"""Losses of standardised predictions."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._examples import BOTH
from tests.losses.members._logits import kl
from tests.losses.members._member import Member, logits, softmax


def standardised(z):
    return (z - z.mean(-1, keepdims=True)) / z.std(-1, keepdims=True)


def logit_standardization(student, teacher, temperature=2.0):
    return kl(standardised(student), standardised(teacher), temperature)


def dist(student, teacher, mask=None, beta=1.0, gamma=1.0, temperature=1.0):
    """Each row's share of 1 - rho, which is half a squared distance."""
    real = np.ones(len(student)) if mask is None else mask
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    values = np.zeros(len(student))
    rows, classes = np.flatnonzero(real), student.shape[-1]
    for i in rows:
        gap = standardised(q[i]) - standardised(p[i])
        values[i] += beta * (gap @ gap) / (2 * classes)
    for c in range(classes):
        gaps = standardised(q[rows, c]) - standardised(p[rows, c])
        values[rows] += gamma * gaps**2 / (2 * classes)
    return temperature**2 * values


P = np.log(np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]))
Z = np.array([[0.0, 2.0], [5.0, 1.0]])
E1 = math.exp(1)

MEMBERS = {
    "dist": Member(
        losses.dist,
        logits,
        dist,
        golden=(
            # rows: rho = -13 / 14; columns: -1, one that does not vary, -1
            ((P[:, ::-1], P), {}, [27 / 14 + 4 / 3] * 2),
            ((P[:, ::-1], P), {"gamma": 0.0}, [27 / 14] * 2),
            ((2 * P[:, ::-1], 2 * P), {"beta": 0.0, "temperature": 2.0}, [16 / 3] * 2),
        ),
        numbers=({}, {"beta": 2.0, "gamma": 0.5, "temperature": 4.0}),
        at_teacher="zero",
        relates=True,
        shift_invariant=True,
    ),
    "logit_standardization": Member(
        losses.logit_standardization,
        logits,
        logit_standardization,
        golden=(
            # two logits are standardised to -1 and 1: softmax of a gap of 2 over T
            (
                (Z, Z[::-1]),
                {},
                [4 * (E1 - 1) / (E1 + 1)] * 2,
            ),
            # the authors' program, whose deviation divides by one less: its T is
            # sqrt(3 / 4) times ours
            (BOTH, {}, [0.00855568, 0.20445230, 0.71520078]),
        ),
        numbers=({}, {"temperature": 4.0}),
        at_teacher="zero",
        squared_temperature=True,
        any_batch=True,
        shift_invariant=True,
    ),
}
