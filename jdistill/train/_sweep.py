"""A whole trade-off curve in one program: one recipe a value of its hyperparameters."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import tree
from jdistill.typing import Frozen, Learner, State

LANES = State(**dict.fromkeys(State._fields, 0))._replace(step=None, key=None)
"""The axis of lanes in each part of a state."""


def sweep(
    make: Callable[..., Learner],
    hyper: Mapping[str, Any],
    *,
    own_starts: bool = False,
) -> Learner:
    r"""Recipes that differ in numbers only, trained side by side as one learner.

    .. math:: \theta_i \leftarrow step_{make(h_i)}(\theta_i, batch), \quad i = 1 \dots n

    Each lane sees the same batches, starts from the same key, and is what `run` makes
    of `make(**h_i)` alone, to rounding. A lane whose loss is no longer finite stops and
    the others go on; `run` raises once all have stopped.

    Args:
        make: builds a learner from one value of each hyperparameter. It is called
            inside the trace, so the values are scalars that have no Python value.
        hyper: by name, an array `[lanes]` of values each.
        own_starts: whether each lane begins with variables of its own: the leaves of
            `run`'s `start=` then have a leading axis of lanes, as those have that
            `finish` of another sweep returns.

    Returns:
        A learner for `run`. Every leaf of its state but `step` and `key` has a leading
        axis of lanes, and so have metrics and what `finish` and `encode` return; `lane`
        takes one out.

    Raises:
        ValueError: there is no hyperparameter, or they are not of one length; from
            `run`: with `own_starts`, `start=` is missing or has not a value a lane.

    Example:
        >>> import optax
        >>> from jdistill import losses, models, objective, train
        >>> student = models.mlp(widths=(4,), classes=2)
        >>> hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
        >>> rates = {'rate': jnp.array([0.1, 0.01, 0.001])}
        >>> three = sweep(lambda rate: train.learner(student, hard, optax.sgd(rate)),
        ...               rates)
        >>> batch = {'inputs': jnp.ones((4, 5)), 'label': jnp.zeros(4, int)}
        >>> jax.jit(three.init)(jax.random.key(0), batch).bad.shape
        (3,)
    """
    values = _values(hyper)
    first = {name: value[0] for name, value in values.items()}

    def each(
        method: Callable[..., Any], of: Any, in_axes: Any = LANES, out_axes: Any = 0
    ) -> Any:
        run = jax.vmap(
            lambda values, of: method(make(**values), of),
            in_axes=(0, in_axes),
            out_axes=out_axes,
        )
        return run({name: jnp.asarray(x) for name, x in values.items()}, of)

    def init(key, batch, frozen=None, *, start: Frozen | None = None) -> State:
        if own_starts:
            _check_lanes(start, len(values[next(iter(values))]))
        start_one = functools.partial(_init, key=key, batch=batch, frozen=frozen)
        return each(start_one, start, 0 if own_starts else None, LANES)

    def step(state, batch, frozen=None):
        out_axes = (LANES, 0)
        return each(lambda x, s: x.step(s, batch, frozen), state, out_axes=out_axes)

    def explain(state, batch, frozen=None) -> str:
        index = int(np.argmax(np.asarray(state.bad)))  # the last that stopped
        culprit = {name: value[index].item() for name, value in values.items()}
        reason = make(**culprit).explain(lane(state, index), batch, frozen)
        return f"all lanes have stopped, the last with {culprit}: {reason}"

    return Learner(
        init=init,
        teach=make(**first).teach,
        step=step,
        finish=lambda state, frozen=None: each(lambda x, s: x.finish(s, frozen), state),
        encode=lambda state, frozen=None: each(lambda x, s: x.encode(s, frozen), state),
        explain=explain,
        name=f"sweep of {', '.join(values)}",
    )


def _init(recipe: Learner, start: Frozen | None, *, key, batch, frozen) -> State:
    return recipe.init(key, batch, frozen, start=start)


def _check_lanes(start: Frozen | None, lanes: int) -> None:
    if start is None:
        raise ValueError("own_starts=True needs start=, the variables of each lane")
    for path, leaf in tree.flatten(start).items():
        if jnp.shape(leaf)[:1] != (lanes,):
            raise ValueError(
                f"start has {path!r} of shape {jnp.shape(leaf)}; with own_starts=True "
                f"its first axis is that of the {lanes} lanes"
            )


def _values(hyper: Mapping[str, Any]) -> dict[str, np.ndarray]:
    values = {name: np.asarray(value) for name, value in hyper.items()}
    shapes = {value.shape for value in values.values()}
    if len(shapes) != 1 or len(shapes.copy().pop()) != 1:
        found = {name: value.shape for name, value in values.items()}
        raise ValueError(f"hyper needs arrays [lanes] of one length, got {found}")
    return values


def lane(state: State, index: int) -> State:
    """The state of one lane of a sweep, as its own learner takes it.

    Args:
        state: of a learner that `sweep` made.
        index: which lane, from 0.

    Returns:
        The state without the axis of lanes.

    Example:
        >>> state = State(*[jnp.arange(3)] * len(State._fields))
        >>> lane(state, 1).params, lane(state, 1).step.shape
        (Array(1, dtype=int32), (3,))
    """
    one = jax.tree.map(lambda x: x[index], state._replace(step=None, key=None))
    return one._replace(step=state.step, key=state.key)
