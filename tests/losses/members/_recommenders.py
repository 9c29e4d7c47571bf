"""Losses of recommenders' scores, `[batch, items]`."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._examples import BOTH
from tests.losses.members._member import Member, normal

ITEMS = 43


def scores(random, batch, scale=2.0):
    return tuple(normal(random, *batch, ITEMS, scale=scale) for _ in range(2)), {}


def each_user(function, student, teacher):
    items = student.shape[-1]
    values = [
        function(s, t)
        for s, t in zip(
            student.reshape(-1, items), teacher.reshape(-1, items), strict=True
        )
    ]
    return np.reshape(values, student.shape[:-1])


def rd(student, teacher, k=10, lam=1.0, mu=0.1):
    def one(s, t):
        order, value = np.argsort(-t, kind="stable"), 0.0
        whole = sum(math.exp(-i / lam) for i in range(1, k + 1))
        for r in range(1, k + 1):
            item = order[r - 1]
            rank = 1 + sum(other > s[item] for other in s)
            weight = math.exp(-r / lam) / whole * math.tanh(max(mu * (rank - r), 0))
            value += weight * np.logaddexp(0, -s[item])
        return value

    return each_user(one, student, teacher)


def rrd(student, teacher, k=40):
    def one(s, t):
        order = list(np.argsort(-t, kind="stable"))
        return sum(
            np.logaddexp.reduce(s[order[r:]]) - s[order[r]]
            for r in range(min(k, len(s)))
        )

    return each_user(one, student, teacher)


DOWN, UP = np.array([[3.0, 2.0, 1.0]]), np.array([[0.0, 1.0, 2.0]])
OF_TWO = math.exp(-1) / (math.exp(-1) + math.exp(-2))
OF_THREE = math.exp(-1) / (math.exp(-1) + math.exp(-2) + math.exp(-3))

MEMBERS = {
    "rd": Member(
        losses.rd,
        scores,
        rd,
        golden=(
            # the teacher's first is the student's third
            ((UP, DOWN), {"k": 1}, [math.tanh(0.2) * math.log(2)]),
            # its second is in place
            ((UP, DOWN), {"k": 2}, [OF_TWO * math.tanh(0.2) * math.log(2)]),
            # its third is the student's first, which is too high and costs nothing
            ((UP, DOWN), {"k": 3}, [OF_THREE * math.tanh(0.2) * math.log(2)]),
            ((UP, DOWN), {"k": 1, "mu": 3.0}, [math.tanh(6) * math.log(2)]),
        ),
        numbers=({}, {"k": 5, "lam": 3.0, "mu": 1.0}),
        at_teacher="zero",
        any_batch=True,
    ),
    "rrd": Member(
        losses.rrd,
        scores,
        rrd,
        golden=(
            ((0 * UP, DOWN), {"k": 2}, [math.log(3) + math.log(2)]),
            (
                (np.log(np.array([[2.0, 5.0, 3.0]])), DOWN),
                {"k": 3},
                [math.log(10 / 2) + math.log(8 / 5)],
            ),
            # the authors' program on the same scores
            (BOTH, {"k": 1}, [0.36927900, 0.49341446, 2.18518245]),
            (BOTH, {"k": 2}, [1.06339118, 2.04383949, 2.25106636]),
            (BOTH, {"k": 3}, [1.31532027, 2.10580707, 3.56432804]),
        ),
        any_batch=True,
        shift_invariant=True,
    ),
}
