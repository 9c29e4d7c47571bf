"""Penalties of parameters."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._member import Member, normal


def weights(random, batch, scale=2.0):
    return (normal(random, *batch, 5, scale=scale),), {}


def group_lasso(weights, axis=-1):
    groups = np.moveaxis(np.float64(weights), axis, 0)
    groups = groups.reshape(len(groups), -1)
    return math.sqrt(groups.shape[1]) * np.linalg.norm(groups, axis=1).sum()


MEMBERS = {
    "group_lasso": Member(
        losses.group_lasso,
        weights,
        group_lasso,
        per_example=False,
        golden=(
            ((np.array([[3.0, 0.0], [4.0, 0.0]]),), {}, 5 * math.sqrt(2)),
            ((np.array([[3.0, 0.0], [4.0, 0.0]]),), {"axis": 0}, 7 * math.sqrt(2)),
        ),
        numbers=({}, {"axis": 0}, {"axis": 1}),
    ),
    "l1": Member(
        losses.l1,
        weights,
        lambda weights: np.abs(np.float64(weights)).sum(),
        per_example=False,
        golden=(((np.array([[1.0, -2.0], [0.0, 3.5]]),), {}, 6.5),),
    ),
    "l2": Member(
        losses.l2,
        weights,
        lambda weights: (np.float64(weights) ** 2).sum(),
        per_example=False,
        golden=(((np.array([[1.0, -2.0], [0.0, 3.0]]),), {}, 14.0),),
    ),
}
