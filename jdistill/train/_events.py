"""What happens between dispatches: callbacks, checkpoints, what is not finite."""

import sys
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import kinds
from jdistill.train._checkpoint import Checkpoints
from jdistill.train._dispatch import Dispatch, means
from jdistill.train._progress import Watch
from jdistill.typing import State

Callback = Callable[[State, Mapping[str, Any]], Any]
"""`(state, metrics) -> score | None`, with metrics the means since the last call."""


class Events(NamedTuple):
    """What happens in a run, and after which steps."""

    every: Mapping[int, Callback]
    checkpoints: Checkpoints | None
    save_every: int
    num_steps: int
    watch: Watch


def stops(start: int, window: int, events: Events) -> Iterator[int]:
    """Where dispatches end: at every window, event and the last step."""
    periods = [window, *events.every, *filter(None, [events.save_every])]
    while start < events.num_steps:
        following = [start - start % period + period for period in periods]
        start = min(*following, events.num_steps)
        yield start


def after(step, state, sums, bad, dispatch: Dispatch, events: Events) -> State:
    """The state, when the callbacks of a step were called and it was saved."""
    last = step == events.num_steps
    due = [n for n in events.every if step % n == 0 or last]
    saving = events.save_every and step % events.save_every == 0
    if not due and not saving:
        return state
    check(bad, state, dispatch, events)
    scores = []
    for n in due:
        score, state = _called(events.every[n], state, means(sums[n]))
        _check_score(f"every[{n}]", score, state, events.checkpoints is not None)
        sums[n].clear()
        if score is not None:
            scores.append(score)
            events.watch.scored(step, _name(events.every[n]), score)
    if events.checkpoints is not None and (saving or scores):
        score = scores[0] if scores else None
        events.checkpoints.save(step, state, score)
    return state


def _check_score(name: str, score: Any, state: State, saved: bool) -> None:
    """Refuses what is no score; of a sweep it may be one for each lane."""
    if score is None or (isinstance(score, Real) and not isinstance(score, bool)):
        return
    lanes, there = state.bad.shape, kinds.got(score)
    wanted = "a number (the score) or None" + " or one a lane" * bool(lanes)
    kind = getattr(score, "dtype", np.dtype(object))
    number = jnp.issubdtype(kind, jnp.floating) or jnp.issubdtype(kind, jnp.integer)
    if not number or np.shape(score) not in {(), lanes}:
        raise TypeError(f"{name} must return {wanted}, it returned {there}")
    if saved and np.shape(score):
        raise ValueError(
            f"{name} returned the scores of {lanes[0]} lanes: with checkpoints= it "
            "must return one number, by which the best state is kept"
        )


def _name(callback: Callback) -> str:
    """What a callback's score is called: as the function is, where it has a name."""
    name = getattr(callback, "__name__", "")
    return name if name.isidentifier() else "score"


def _called(callback: Callback, state: State, means) -> tuple[Any, State]:
    """What a callback says, and a state whose buffers nothing else holds.

    The next dispatch takes the buffers of the state over, so what the callback has kept
    of it would be lost. Only then is the state copied: its arrays have more references
    than before. A copy is made device by device, because only some of the processes may
    have kept anything.
    """
    leaves = jax.tree.leaves(state)
    before = [sys.getrefcount(x) for x in leaves]
    score = callback(jax.tree.map(lambda x: x, state), means)  # containers of its own
    if before == [sys.getrefcount(x) for x in leaves]:
        return score, state
    return score, jax.tree.map(_copied, state)


def _copied(x: jax.Array) -> jax.Array:
    if x.is_fully_addressable:
        return jnp.copy(x)
    parts = [jnp.copy(shard.data) for shard in x.addressable_shards]
    return jax.make_array_from_single_device_arrays(x.shape, x.sharding, parts)


def check(bad, state: State, dispatch: Dispatch, events: Events) -> None:
    """Raises where a step was not finite, with the last good state saved."""
    steps = np.atleast_1d(jax.device_get(bad))
    if (steps < 0).any():  # of a sweep, the lanes that are left go on
        return
    step = int(steps.max())
    reason = dispatch.explain(state, step)
    kept = ""
    if events.checkpoints is not None:
        # One run goes on from there as if nothing had been; the lanes of a sweep
        # stopped at different steps, and stay so.
        bad = jnp.full_like(state.bad, -1) if state.bad.ndim == 0 else state.bad
        good = state._replace(step=jnp.full_like(state.step, step), bad=bad)
        events.checkpoints.save(step, good)
        events.checkpoints.wait()
        kept = f"; the last finite state is saved as checkpoint {step}"
    raise FloatingPointError(f"step {step}: {reason}{kept}")
