"""Losses that treat the label's class apart."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._divergences import divergence
from tests.losses.members._examples import BOTH, LABELS
from tests.losses.members._member import Member, labelled_logits, softmax


def each_example(function, student, teacher, labels):
    values = [
        function(s, t, y)
        for s, t, y in zip(
            student.reshape(-1, student.shape[-1]),
            teacher.reshape(-1, student.shape[-1]),
            labels.reshape(-1),
            strict=True,
        )
    ]
    return np.reshape(values, labels.shape)


def dkd(student, teacher, labels, alpha=1.0, beta=8.0, temperature=4.0):
    def one(s, t, y):
        p, q = softmax(t / temperature), softmax(s / temperature)
        rest_p, rest_q = np.delete(p, y), np.delete(q, y)
        on_target = p[y] * np.log(p[y] / q[y])
        on_target += rest_p.sum() * np.log(rest_p.sum() / rest_q.sum())
        on_others = divergence(rest_p / rest_p.sum(), rest_q / rest_q.sum())
        return temperature**2 * (alpha * on_target + beta * on_others)

    return each_example(one, student, teacher, labels)


def nkd(student, teacher, labels, gamma=1.5, temperature=1.0):
    def one(s, t, y):
        first = -softmax(t)[y] * np.log(softmax(s)[y])
        p, q = (softmax(np.delete(z, y) / temperature) for z in (t, s))
        return first - gamma * temperature**2 * (p * np.log(q)).sum()

    return each_example(one, student, teacher, labels)


def mft(student, teacher, labels, threshold=0.2, temperature=1.0):
    """The corrected distribution as a mixture of the teacher's and the label."""

    def one(s, t, y):
        p, q = softmax(t / temperature), softmax(s / temperature)
        if p.argmax() == y:
            share = (min(p[y] + threshold, 1) - p[y]) / (1 - p[y])
        else:
            gap = p.max() - p[y]
            share = (gap + threshold) / (1 + gap)
        corrected = (1 - share) * p
        corrected[y] += share
        return temperature**2 * divergence(corrected, q)

    return each_example(one, student, teacher, labels)


P, Q = np.log(np.array([[0.5, 0.3, 0.2]])), np.log(np.array([[0.5, 0.25, 0.25]]))
FIRST = {"labels": np.array([0])}
OTHERS = 0.6 * math.log(1.2) + 0.4 * math.log(0.8)

# The numbers of eight digits or more are those of the authors' programs (for mft of
# NVIDIA's Model Optimizer, in float64) on the same logits.
MEMBERS = {
    "dkd": Member(
        losses.dkd,
        labelled_logits,
        dkd,
        golden=(
            ((Q, P), {"temperature": 1.0, **FIRST}, [8 * OTHERS]),
            ((4 * Q, 4 * P), {"beta": 2.0, **FIRST}, [16 * 2 * OTHERS]),
            (BOTH, {"labels": LABELS}, [1.46174646, 4.34821798, 5.83582569]),
            (
                BOTH,
                {"alpha": 2.0, "beta": 0.5, "temperature": 1.0, "labels": LABELS},
                [0.10797332, 0.42172215, 2.28774346],
            ),
        ),
        numbers=({}, {"alpha": 2.0, "beta": 0.5, "temperature": 1.0}),
        at_teacher="zero",
        squared_temperature=True,
        any_batch=True,
        shift_invariant=True,
    ),
    "mft": Member(
        losses.mft,
        labelled_logits,
        mft,
        golden=(
            # right: the label gains 0.2, the others 0.3 and 0.2 keep 3 : 2
            ((np.log([[0.7, 0.18, 0.12]]), P), FIRST, [0.0]),
            # wrong: the label at 0.3 comes out 0.2 above what was 0.5
            (
                (np.log([[1 / 3, 8 / 15, 2 / 15]]), P),
                {"labels": np.array([1])},
                [0.0],
            ),
            # capped: the label is certain
            ((Q, P), {"threshold": 0.6, **FIRST}, [math.log(2)]),
            (
                BOTH,
                {"labels": LABELS},
                [0.3692773725161976, 0.44286572067852487, 0.28127201754624054],
            ),
            (
                BOTH,
                {"threshold": 0.05, "temperature": 2.0, "labels": LABELS},
                [0.2325440216225313, 0.3918398323992677, 0.4752854779535598],
            ),
        ),
        numbers=({}, {"threshold": 0.5, "temperature": 4.0}, {"threshold": 0.0}),
        any_batch=True,
        shift_invariant=True,
    ),
    "nkd": Member(
        losses.nkd,
        labelled_logits,
        nkd,
        golden=(
            ((Q, P), FIRST, [0.5 * math.log(2) + 1.5 * math.log(2)]),
            ((P, Q), {"gamma": 0.0, **FIRST}, [0.5 * math.log(2)]),
            (BOTH, {"labels": LABELS}, [1.54778239, 2.52099002, 1.11098668]),
            (
                BOTH,
                {"gamma": 0.5, "temperature": 3.0, "labels": LABELS},
                [4.98970164, 5.47569604, 4.78323294],
            ),
        ),
        numbers=({}, {"gamma": 0.5, "temperature": 3.0}),
        any_batch=True,
        shift_invariant=True,
    ),
}
