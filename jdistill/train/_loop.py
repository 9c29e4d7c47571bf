"""The one loop: windows of steps in one program, events at absolute multiples."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jdistill import data
from jdistill.train import _mesh
from jdistill.train._checkpoint import Checkpoints
from jdistill.train._dispatch import Dispatch, batch_of, dispatcher, window_of
from jdistill.train._recipe import recipe
from jdistill.typing import Frozen, Key, Learner, Split, State

Callback = Callable[[State, Mapping[str, Any]], Any]
"""`(state, metrics) -> score | None`, with metrics the means since the last call."""


def run(
    learner: Learner,
    split: Split,
    *,
    key: Key,
    num_steps: int,
    batch_size: int = 64,
    seed: int = 0,
    frozen: Frozen | None = None,
    start: Frozen | None = None,
    every: Mapping[int, Callback] | None = None,
    checkpoints: Checkpoints | None = None,
    save_every: int | None = None,
    mesh: Mesh | None = None,
    rules: _mesh.Rules = (),
    steps_per_dispatch: int | None = None,
) -> State:
    """Trains for `num_steps`, or goes on from the newest checkpoint to there.

    Where the split fits on the device, many steps run in one dispatch, the teacher's
    outputs for all of them computed at once; the slot of a step in its window is its
    number modulo the window, so a run that was cut anywhere gives the same bits. On a
    CPU, models with convolutions run one step a dispatch, because XLA executes a
    convolution inside a loop many times slower there.

    Args:
        learner: the recipe.
        split: the training examples.
        key: for the initial parameters, dropout and whatever else is random.
        num_steps: the step to end at, counted from the start of the run, not from a
            checkpoint.
        batch_size: examples a step, over all devices and processes.
        seed: of the order of the examples.
        frozen: the teacher's variables.
        start: variables to start from instead of fresh ones.
        every: callbacks by period. `{100: f}` calls `f(state, metrics)` after steps
            100, 200... and the last; a number it returns is a score, and the state
            with the highest is kept as the best.
        checkpoints: where to save and resume.
        save_every: the period of saving; the last step is always saved.
        mesh: devices to train on; the batch is split over its first axis.
        rules: shardings of the state by path; by default it is on every device whole.
        steps_per_dispatch: the window; by default chosen.

    Returns:
        The state after `num_steps`.

    Raises:
        ValueError: a period below 1; a batch that the mesh does not divide; a
            checkpoint past `num_steps` or of another run.
        FloatingPointError: a loss or gradient that is not finite, with its step, the
            first bad parameter, and where the last good state is.

    Example:
        >>> from jdistill import losses, models, objective
        >>> import optax
        >>> from jdistill.train import learner
        >>> digits = data.digits()
        >>> hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
        >>> student = models.mlp(widths=(16,), classes=10)
        >>> small = learner(student, hard, optax.adam(1e-2))
        >>> state = run(small, digits.train, key=jax.random.key(0), num_steps=20)
        >>> int(state.step)
        20
    """
    every = dict(every or {})
    periods = [*every, *([] if save_every is None else [save_every])]
    _check_numbers(periods, steps_per_dispatch, batch_size, mesh)
    frozen, start = _mesh.onto((frozen, start), mesh)
    order = data.index_batches(split.size, batch_size=batch_size, seed=seed)
    state = _first_state(learner, split, order, key, frozen, start, mesh, rules)
    if checkpoints is not None:
        checkpoints = checkpoints.of(
            recipe(
                learner,
                split,
                batch_of(split, order, 0),
                state,
                key=key,
                frozen=frozen,
                batch_size=batch_size,
                seed=seed,
                named=bool(checkpoints.recipe),
            )
        )
    if checkpoints is not None and (found := checkpoints.restore(state)):
        at, state = found
        if at > num_steps:
            raise ValueError(f"the checkpoint is at step {at}, past {num_steps=}")
    window = steps_per_dispatch or window_of(
        learner, split, state, frozen, order, periods
    )
    dispatch = dispatcher(learner, split, order, window, mesh, frozen)
    events = _Events(every, checkpoints, save_every or 0, num_steps)
    return _loop(dispatch, state, events, window)


def _check_numbers(periods, steps_per_dispatch, batch_size, mesh) -> None:
    if any(period < 1 for period in periods):
        raise ValueError(f"periods must be at least 1, got {sorted(periods)}")
    if steps_per_dispatch is not None and steps_per_dispatch < 1:
        raise ValueError(f"{steps_per_dispatch=} must be at least 1")
    if mesh is not None and batch_size % mesh.devices.shape[0]:
        raise ValueError(
            f"batch_size={batch_size} is not divisible by the {mesh.devices.shape[0]} "
            f"devices of mesh axis {mesh.axis_names[0]!r}"
        )


class _Events(NamedTuple):
    every: Mapping[int, Callback]
    checkpoints: Checkpoints | None
    save_every: int
    num_steps: int


def _first_state(learner, split, order, key, frozen, start, mesh, rules) -> State:
    batch = batch_of(split, order, 0)
    # A copy, because the first step takes over the buffers it starts from.
    start = jax.tree.map(jnp.copy, start)
    if mesh is None:
        return _compiled_init(learner)(key, batch, frozen, start=start)
    shapes = jax.eval_shape(learner.init, key, batch, frozen, start=start)
    init = jax.jit(learner.init, out_shardings=_mesh.shardings(shapes, mesh, rules))
    return init(key, batch, frozen, start=start)


@functools.lru_cache(maxsize=64)
def _compiled_init(learner: Learner):
    return jax.jit(learner.init)


def _stops(start: int, window: int, events: _Events) -> Iterator[int]:
    """Where dispatches end: at every window, event and the last step."""
    periods = [window, *events.every, *filter(None, [events.save_every])]
    while start < events.num_steps:
        following = [start - start % period + period for period in periods]
        start = min(*following, events.num_steps)
        yield start


def _loop(dispatch: Dispatch, state: State, events: _Events, window: int) -> State:
    step = int(state.step)
    sums: dict[int, list[Any]] = {period: [] for period in events.every}
    before = None  # looked at one dispatch late, so that the device is never idle
    for stop in _stops(step, window, events):
        state, metrics, bad = dispatch.go(state, step, stop)
        if before is not None:
            _check(before, state, dispatch, events)
        before, step = bad, stop
        for waiting in sums.values():
            waiting.append(metrics)
        _events(step, state, sums, bad, dispatch, events)
    if before is not None:
        _check(before, state, dispatch, events)
    if events.checkpoints is not None:
        events.checkpoints.save(int(state.step), state)
        events.checkpoints.wait()
    return state


def _events(step, state, sums, bad, dispatch, events: _Events) -> None:
    last = step == events.num_steps
    due = [n for n in events.every if step % n == 0 or last]
    saving = events.save_every and step % events.save_every == 0
    if not due and not saving:
        return
    _check(bad, state, dispatch, events)
    scores = [events.every[n](state, _means(sums[n])) for n in due]
    for n in due:
        sums[n].clear()
    scores = [score for score in scores if score is not None]
    if events.checkpoints is not None and (saving or scores):
        score = scores[0] if scores else None
        events.checkpoints.save(step, state, score)


def _means(sums: list[Any]) -> dict[str, Any]:
    hosts = jax.device_get(sums)
    total = functools.reduce(lambda a, b: jax.tree.map(np.add, a, b), hosts)
    return {name: value / np.maximum(n, 1e-30) for name, (value, n) in total.items()}


def _check(bad, state: State, dispatch: Dispatch, events: _Events) -> None:
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
        kept = f"; the state before it is saved as checkpoint {step}"
    raise FloatingPointError(f"step {step}: {reason}{kept}")
