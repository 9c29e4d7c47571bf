"""Divergences between student and teacher other than `kl`."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._examples import BOTH, EVEN, THREE_TO_ONE, WARM
from tests.losses.members._member import Member, logits, softmax


def divergence(a, b):
    return (a * np.log(a / b)).sum(-1)


def reverse_kl(student, teacher, temperature=1.0):
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    return temperature**2 * divergence(q, p)


def jsd(student, teacher, beta=0.5, temperature=1.0):
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    m = beta * p + (1 - beta) * q
    return temperature**2 * (beta * divergence(p, m) + (1 - beta) * divergence(q, m))


def total_variation(student, teacher, temperature=1.0):
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    return temperature**2 * np.maximum(p - q, 0).sum(-1)  # what p has more of


def skewed_kl(student, teacher, alpha=0.1, temperature=1.0):
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    return temperature**2 * divergence(p, alpha * p + (1 - alpha) * q)


def skewed_reverse_kl(student, teacher, alpha=0.1, temperature=1.0):
    return skewed_kl(teacher, student, alpha, temperature)


KINDS = {
    "at_teacher": "zero",
    "squared_temperature": True,
    "any_batch": True,
    "shift_invariant": True,
}
SKEWS = ({}, {"alpha": 0.6, "temperature": 4.0})
JSD = 0.5 * (0.75 * math.log(0.75 / 0.625) + 0.25 * math.log(0.25 / 0.375)) + 0.5 * (
    0.5 * math.log(0.5 / 0.625) + 0.5 * math.log(0.5 / 0.375)
)

# The numbers of eight digits are those of DistiLLM's program on the same logits.
MEMBERS = {
    "reverse_kl": Member(
        losses.reverse_kl,
        logits,
        reverse_kl,
        golden=(
            ((EVEN, THREE_TO_ONE), {}, [0.5 * math.log(4 / 3)]),
            (
                (4 * EVEN, 4 * THREE_TO_ONE),
                {"temperature": 4.0},
                [8 * math.log(4 / 3)],
            ),
            (BOTH, {}, [0.06900939, 0.30008572, 1.17841923]),
        ),
        numbers=WARM,
        **KINDS,
    ),
    "jsd": Member(
        losses.jsd,
        logits,
        jsd,
        golden=(
            ((EVEN, THREE_TO_ONE), {}, [JSD]),
            ((4 * EVEN, 4 * THREE_TO_ONE), {"temperature": 4.0}, [16 * JSD]),
            (BOTH, {"beta": 0.9}, [0.00586097, 0.02479424, 0.10190589]),
            (BOTH, {"beta": 0.4}, [0.01316246, 0.05122179, 0.26167262]),
        ),
        numbers=({}, {"beta": 0.1, "temperature": 4.0}),
        **KINDS,
    ),
    "total_variation": Member(
        losses.total_variation,
        logits,
        total_variation,
        golden=(
            ((EVEN, THREE_TO_ONE), {}, [0.25]),
            ((4 * EVEN, 4 * THREE_TO_ONE), {"temperature": 4.0}, [4.0]),
            (BOTH, {}, [0.12565532, 0.23797750, 0.69481134]),
        ),
        numbers=WARM,
        any_batch=True,
        shift_invariant=True,
    ),
    "skewed_kl": Member(
        losses.skewed_kl,
        logits,
        skewed_kl,
        golden=(
            (
                (EVEN, THREE_TO_ONE),
                {"alpha": 0.5},
                [0.75 * math.log(0.75 / 0.625) + 0.25 * math.log(0.25 / 0.375)],
            ),
            # that program leaves out the teacher's entropy, which is subtracted here
            (
                BOTH,
                {"alpha": 0.6},
                [
                    0.62950063 - 0.61851728,
                    0.74641204 - 0.69922525,
                    1.05286860 - 0.87732558,
                ],
            ),
        ),
        numbers=SKEWS,
        **KINDS,
    ),
    "skewed_reverse_kl": Member(
        losses.skewed_reverse_kl,
        logits,
        skewed_reverse_kl,
        golden=(
            (
                (THREE_TO_ONE, EVEN),
                {"alpha": 0.5},
                [0.75 * math.log(0.75 / 0.625) + 0.25 * math.log(0.25 / 0.375)],
            ),
            (BOTH, {}, [0.05007152, 0.20630699, 0.88783967]),
            (BOTH, {"alpha": 0.6}, [0.00747406, 0.02676043, 0.18799229]),
        ),
        numbers=SKEWS,
        **KINDS,
    ),
}
