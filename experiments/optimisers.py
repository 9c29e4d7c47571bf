"""Optimisers of configurations: optax's, with a schedule and clipped gradients."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

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
            'linear'), `warmup` (steps up from 0), `clip_norm`, each of them optional.
        num_steps: where the schedule ends.

    Raises:
        ValueError: an unknown optimiser, argument or schedule.

    Example:
        >>> _ = optimiser({'name': 'adam', 'learning_rate': 1e-3}, num_steps=10)
    """
    rest = dict(spec)
    rate, clip_norm = rest.pop("learning_rate", None), rest.pop("clip_norm", None)
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
    if clip_norm is None:
        return tx
    return optax.chain(optax.clip_by_global_norm(clip_norm), tx)
