"""Losses against some classes of the teacher, with and without a tail."""

import math

import numpy as np

from jdistill import losses
from jdistill.typing import SparseTarget
from tests.losses.members._member import (
    CLASSES,
    Member,
    log_softmax,
    normal,
    softmax,
)

KEPT = 3


def target_of(random, batch, classes, scale):
    """The KEPT largest classes and the tail, in float32."""
    log_p = log_softmax(normal(random, *batch, classes, scale=scale))
    ids = np.argsort(-log_p, axis=-1)[..., :KEPT].astype(np.int32)
    kept = np.take_along_axis(log_p, ids, axis=-1)
    rest = np.log1p(-np.exp(kept).sum(-1))
    return SparseTarget(ids, kept.astype(np.float32), rest.astype(np.float32))


def logits(random, batch, scale=2.0):
    student = normal(random, *batch, CLASSES, scale=scale)
    return (student, target_of(random, batch, CLASSES, scale)), {}


def sparse_soft_cross_entropy(student, target, temperature=1.0):
    """Token by token and class by class."""
    q = softmax(student / temperature)
    values = np.zeros(student.shape[:-1])
    for n in np.ndindex(*values.shape):
        rest = set(range(student.shape[-1]))
        for c, log_p in zip(target.ids[n], target.log_p[n], strict=True):
            if c >= 0:
                values[n] -= np.exp(log_p) * np.log(q[n][c])
                rest.remove(int(c))
        if target.log_tail is not None and rest:
            tail = np.exp(target.log_tail[n])
            values[n] -= tail * np.log(sum(q[n][c] for c in rest))
    return temperature**2 * values


def entropy(target):
    whole = [target.log_p * (target.ids >= 0)]
    if target.log_tail is not None:
        whole.append(target.log_tail[..., None])
    log_p = np.concatenate(whole, axis=-1)
    return -(np.exp(log_p) * log_p).sum(-1)


def sparse_kl(student, target, temperature=1.0):
    cross = sparse_soft_cross_entropy(student, target, temperature)
    # a target in few digits adds up to 1 only nearly: the generalised divergence
    parts = [np.exp(target.log_p).sum(-1)]
    if target.log_tail is not None:
        parts.append(np.exp(target.log_tail))
    return cross - temperature**2 * (entropy(target) + sum(parts) - 1)


# class 2 of 4 has three quarters; then two classes drawn three times and once
TAIL = SparseTarget(
    np.array([[2]]), np.log(np.array([[0.75]])), np.log(np.array([0.25]))
)
DRAWN = SparseTarget(np.array([[2, 0, -1]]), np.log(np.array([[0.75, 0.25, 1.0]])))
EVEN = np.zeros((1, 4))
CROSS = -0.75 * math.log(0.25) - 0.25 * math.log(0.75)
ENTROPY = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
KINDS = {"any_batch": True}
WARM = ({}, {"temperature": 4.0})

MEMBERS = {
    "sparse_kl": Member(
        losses.sparse_kl,
        logits,
        sparse_kl,
        golden=(
            ((EVEN, TAIL), {}, [CROSS - ENTROPY]),
            ((EVEN, DRAWN), {}, [math.log(4) - ENTROPY]),
            ((EVEN, DRAWN), {"temperature": 3.0}, [9 * (math.log(4) - ENTROPY)]),
        ),
        numbers=WARM,
        shift_invariant=True,
        **KINDS,
    ),
    "sparse_soft_cross_entropy": Member(
        losses.sparse_soft_cross_entropy,
        logits,
        sparse_soft_cross_entropy,
        golden=(
            ((EVEN, TAIL), {}, [CROSS]),
            ((EVEN, DRAWN), {}, [math.log(4)]),
        ),
        numbers=WARM,
        shift_invariant=True,
        **KINDS,
    ),
}
