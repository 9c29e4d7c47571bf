"""The one table of projections: each row drives every test that all are held to."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill import projections


class Member(NamedTuple):
    """A projection under test.

    * `feature`, `like`, `out`: shapes without the batch, or tuples of them.
    * `statistics`: whether a value depends on the other real examples.
    * `random`: whether `key` changes the result.
    * `unused`: the names of parameters that `apply` does not read.
    """

    make: Callable[..., Any]
    feature: tuple
    like: tuple
    out: tuple
    statistics: bool = False
    random: bool = False
    unused: tuple[str, ...] = ()


MAP, LIKE = (4, 4, 3), (4, 4, 6)
REVIEWED = ((4, 4, 3), (2, 2, 4), (4,)), ((4, 4, 5), (3, 3, 6), (6,))

MEMBERS = {
    "conv": Member(projections.conv, (4, 4, 3), (2, 2, 5), (2, 2, 5)),
    "conv_norm": Member(projections.conv_norm, MAP, LIKE, LIKE, statistics=True),
    "embed": Member(projections.embed, (3,), (5,), (128,)),
    "experts": Member(projections.experts, (3,), (5,), (5,), random=True),
    "gaussian": Member(projections.gaussian, MAP, LIKE, (LIKE, (1, 1, 6))),
    "generation": Member(projections.generation, MAP, LIKE, LIKE, random=True),
    "linear": Member(projections.linear, (7, 3), (7, 5), (7, 5)),
    "mlp": Member(projections.mlp, (3,), (5,), (5,)),
    "paraphraser": Member(projections.paraphraser, LIKE, MAP, LIKE),
    "paraphraser_factor": Member(
        projections.paraphraser_factor, LIKE, MAP, MAP, unused=("decoder",)
    ),
    "regressor": Member(
        projections.regressor, (2, 2, 3), (4, 4, 5), (4, 4, 5), statistics=True
    ),
    "review": Member(projections.review, *REVIEWED, REVIEWED[1], statistics=True),
    "translator": Member(projections.translator, MAP, LIKE, MAP, statistics=True),
    "variance_branch": Member(
        projections.variance_branch, MAP, LIKE, (LIKE, LIKE), statistics=True
    ),
}


def is_shape(x):
    return isinstance(x, tuple) and all(isinstance(size, int) for size in x)


def arrays(shapes, batch=4, seed=0, scale=1.0):
    """Taps of these shapes."""
    random = np.random.default_rng(seed)
    return jax.tree.map(
        lambda shape: (scale * random.normal(size=(batch, *shape))).astype(np.float32),
        shapes,
        is_leaf=is_shape,
    )


def wave(*shape, pace=1.0):
    """Numbers that any language makes alike."""
    return np.float32(np.sin(pace * np.arange(1, 1 + np.prod(shape))).reshape(shape))


def filled(*shape, pace):
    """Parameters that any language makes alike."""
    return 0.5 * wave(*shape, pace=pace)


def summary(y):
    """Three sums that tell whether an array is the one that is wanted."""
    y = np.float64(y)
    return [y.sum(), (y**2).sum(), (y * wave(*y.shape, pace=0.3)).sum()]
