"""Optimisers of configurations: optax's, with a schedule and clipped gradients."""

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jdistill.build import build

_NAMES = ("adam", "adamw", "adafactor", "lamb", "lion", "nadamw", "rmsprop", "sgd")
OPTAX = SimpleNamespace(
    __name__="optax", __all__=_NAMES, **{name: getattr(optax, name) for name in _NAMES}
)
SCHEDULES = ("constant", "cosine", "linear")


def optimiser(
    spec: Mapping[str, Any], *, num_steps: int
) -> optax.GradientTransformation:
    """The optimiser that a configuration names.

    Args:
        spec: `name` and arguments of an optax optimiser, with `learning_rate` the
            highest it gets; and `schedule` ('constant', or down to 0 by 'cosine' or
            'linear'), `warmup` (steps up from 0), `clip_norm`, `max_norm` (the
            longest that the weights into a unit may be), each of them optional.
        num_steps: where the schedule ends.

    Raises:
        ValueError: an unknown optimiser, argument or schedule, or a number that no
            optimiser takes.

    Example:
        >>> _ = optimiser({'name': 'adam', 'learning_rate': 1e-3}, num_steps=10)
    """
    check(spec, num_steps=num_steps)
    rest = dict(spec)
    rate, clip_norm = rest.pop("learning_rate", None), rest.pop("clip_norm", None)
    limit = rest.pop("max_norm", None)
    if rate is None:
        raise ValueError(f"optimiser {rest.get('name')!r} needs 'learning_rate'")
    name, warmup = rest.pop("schedule", "constant"), rest.pop("warmup", 0)
    if name not in SCHEDULES:
        raise ValueError(f"no schedule {name!r}; valid: {', '.join(SCHEDULES)}")
    down = {
        "constant": optax.constant_schedule(rate),
        "cosine": optax.cosine_decay_schedule(rate, max(1, num_steps - warmup)),
        "linear": optax.linear_schedule(rate, 0.0, max(1, num_steps - warmup)),
    }[name]
    up = optax.linear_schedule(0.0, rate, max(1, warmup))
    schedule = optax.join_schedules([up, down], [warmup]) if warmup else down
    tx = build(OPTAX, rest, learning_rate=schedule)
    before = [] if clip_norm is None else [optax.clip_by_global_norm(clip_norm)]
    after = [] if limit is None else [max_norm(limit)]
    return optax.chain(*before, tx, *after) if before or after else tx


ABOVE_0 = ("learning_rate", "clip_norm", "max_norm")
BELOW_1 = ("b1", "b2", "b3", "momentum", "decay", "decay_rate", "beta1", "beta2")
NOT_BELOW_0 = ("weight_decay", "eps", "eps_root", "warmup")


def check(spec: Mapping[str, Any], *, num_steps: int) -> None:
    """Refuses numbers that would train nothing, or away from the goal.

    Raises:
        ValueError: a number is out of range; the message names it.

    Example:
        >>> check({'name': 'adam', 'learning_rate': 1e-3, 'b1': 0.9}, num_steps=10)
    """
    if isinstance(num_steps, bool) or not isinstance(num_steps, int) or num_steps < 1:
        raise ValueError(f"num_steps must be a whole number above 0, got {num_steps!r}")
    ranges = {
        **{key: ("above 0", lambda x: x > 0) for key in ABOVE_0},
        **{key: ("from 0 to below 1", lambda x: 0 <= x < 1) for key in BELOW_1},
        **{key: ("0 or above", lambda x: x >= 0) for key in NOT_BELOW_0},
    }
    for key in [key for key in spec if key in ranges and spec[key] is not None]:
        value, (said, within) = spec[key], ranges[key]
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not real or not math.isfinite(value) or not within(value):
            raise ValueError(f"{key} must be {said}, got {value!r}")
    if spec.get("warmup", 0) >= num_steps:
        raise ValueError(f"warmup is {spec['warmup']} of {num_steps} steps")


def max_norm(limit: float) -> optax.GradientTransformation:
    r"""Keeps the weights into each unit within a ball, after the optimiser's step.

    .. math:: w_j \leftarrow w_j \min(1, c / \|w_j\|)

    Args:
        limit: c, the largest length of a column of a weight matrix.

    References:
        Hinton et al., Improving neural networks by preventing co-adaptation of feature
        detectors, 2012 (arXiv:1207.0580).

    Example:
        >>> tx, params = max_norm(2.5), {'w': jnp.array([[3.0], [4.0]])}
        >>> updates, _ = tx.update({'w': jnp.zeros((2, 1))}, tx.init(params), params)
        >>> optax.apply_updates(params, updates)['w'].ravel()
        Array([1.5, 2. ], dtype=float32)
    """

    def inside(step, w):
        if w.ndim != 2:
            return step
        new = w + step
        length = jnp.linalg.norm(new, axis=0, keepdims=True)
        return new * jnp.minimum(1.0, limit / jnp.maximum(length, 1e-12)) - w

    return optax.GradientTransformation(
        lambda params: optax.EmptyState(),
        lambda updates, state, params=None: (
            jax.tree.map(inside, updates, params),
            state,
        ),
    )
