"""Losses between the logits of student and teacher."""

import math

import numpy as np
import optax

from jdistill import losses
from tests.losses.members._examples import EVEN, TEMPERATURES, THREE_TO_ONE
from tests.losses.members._member import Member, log_softmax, logits


def soft_cross_entropy(student, teacher, temperature=1.0):
    student, teacher = np.float64(student), np.float64(teacher)
    p = np.exp(log_softmax(teacher / temperature))
    return -(temperature**2) * (p * log_softmax(student / temperature)).sum(-1)


def kl(student, teacher, temperature=1.0):
    entropy = soft_cross_entropy(teacher, teacher, temperature)
    return soft_cross_entropy(student, teacher, temperature) - entropy


MEMBERS = {
    "kl": Member(
        losses.kl,
        logits,
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
        any_batch=True,
        shift_invariant=True,
        second=lambda s, t: optax.losses.kl_divergence_with_log_targets(
            log_softmax(s), log_softmax(t)
        ),
    ),
    "logit_euclidean": Member(
        losses.logit_euclidean,
        logits,
        lambda student, teacher: np.linalg.norm(student - teacher, axis=-1),
        golden=(
            ((EVEN, np.array([[3.0, 4.0]])), {}, [5.0]),
            ((EVEN, EVEN), {}, [0.0]),
        ),
        at_teacher="zero",
        any_batch=True,
        second=lambda s, t: optax.safe_norm(s - t, 0.0, axis=-1),
    ),
    "logit_mse": Member(
        losses.logit_mse,
        logits,
        lambda student, teacher: ((student - teacher) ** 2).mean(-1),
        golden=(((EVEN, np.array([[3.0, 1.0]])), {}, [(9 + 1) / 2]),),
        at_teacher="zero",
        any_batch=True,
        second=lambda s, t: 2 * optax.losses.l2_loss(s, t).mean(-1),
    ),
    "soft_cross_entropy": Member(
        losses.soft_cross_entropy,
        logits,
        soft_cross_entropy,
        golden=(
            ((EVEN, THREE_TO_ONE), {}, [math.log(2)]),
            ((4 * EVEN, 4 * THREE_TO_ONE), {"temperature": 4.0}, [16 * math.log(2)]),
            ((THREE_TO_ONE, EVEN), {}, [0.5 * math.log(16 / 3)]),
        ),
        numbers=TEMPERATURES,
        at_teacher="least",
        squared_temperature=True,
        any_batch=True,
        shift_invariant=True,
        second=lambda s, t: optax.losses.softmax_cross_entropy(
            s, np.exp(log_softmax(t))
        ),
    ),
}
