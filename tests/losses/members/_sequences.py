"""Losses of frames labelled by CTC: `[batch, steps, classes] -> [batch, steps]`."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._examples import STUDENT, TEACHER
from tests.losses.members._logits import kl
from tests.losses.members._member import CLASSES, Member, normal

STEPS = 4


def frames(random, batch, scale=2.0):
    both = [normal(random, *batch, STEPS, CLASSES, scale=scale) for _ in range(2)]
    return tuple(both), {}


def ctc_kl(student, teacher, blank=0, temperature=1.0):
    values = np.zeros(student.shape[:-1])
    for n in np.ndindex(*values.shape):
        best = max(range(teacher.shape[-1]), key=lambda c: teacher[n][c])
        if best != blank % teacher.shape[-1]:
            values[n] = kl(student[n], teacher[n], temperature)
    return values


def ctc_kl_without_blank(student, teacher, blank=0, temperature=1.0):
    kept = [c for c in range(student.shape[-1]) if c != blank % student.shape[-1]]
    return kl(student[..., kept], teacher[..., kept], temperature)


# frame 0 is blank (class 0 of 3) to the teacher, frame 1 is not
P = np.log(np.array([[[0.6, 0.3, 0.1], [0.2, 0.6, 0.2]]]))
EVEN = np.zeros((1, 2, 3))
KINDS = {
    "numbers": ({}, {"blank": -1, "temperature": 4.0}),
    "at_teacher": "zero",
    "squared_temperature": True,
    "any_batch": True,
    "shift_invariant": True,
}

MEMBERS = {
    "ctc_kl": Member(
        losses.ctc_kl,
        frames,
        ctc_kl,
        golden=(
            ((EVEN, P), {}, [[0, 0.4 * math.log(0.6) + 0.6 * math.log(1.8)]]),
            (
                (EVEN, P),
                {"blank": 2},
                [
                    [
                        0.6 * math.log(1.8) + 0.3 * math.log(0.9) + 0.1 * math.log(0.3),
                        0.4 * math.log(0.6) + 0.6 * math.log(1.8),
                    ]
                ],
            ),
        ),
        **KINDS,
    ),
    "ctc_kl_without_blank": Member(
        losses.ctc_kl_without_blank,
        frames,
        ctc_kl_without_blank,
        golden=(
            (
                (EVEN, P),
                {},
                [[0.75 * math.log(1.5) + 0.25 * math.log(0.5)] * 2],
            ),
            # the program of visual alignment constraint on the same frames
            (
                (STUDENT[None], TEACHER[None]),
                {},
                [[0.04775009, 0.55248000, 1.28071135]],
            ),
            (
                (STUDENT[None], TEACHER[None]),
                {"temperature": 2.0},
                [[0.16971665, 0.55358686, 1.44585539]],
            ),
        ),
        **KINDS,
    ),
}
