"""The one loop: windows of steps in one program, events at absolute multiples."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from jdistill import data, kinds
from jdistill import views as seen
from jdistill.checks import check_key, whole
from jdistill.train import _rules
from jdistill.train._calm import calm
from jdistill.train._checkpoint import Checkpoints
from jdistill.train._dispatch import (
    Dispatch,
    batch_of,
    compiled_init,
    dispatcher,
    window_of,
)
from jdistill.train._events import Callback, Events, after, check, stops
from jdistill.train._mesh import Layout, layout_of
from jdistill.train._progress import Progress, watching
from jdistill.train._recipe import recipe
from jdistill.typing import Frozen, Key, Learner, Split, State


def run(
    learner: Learner,
    split: Split,
    *,
    key: Key,
    num_steps: int,
    batch_size: int = 64,
    seed: int = 0,
    frozen: Frozen | Mapping[str, Frozen] | None = None,
    start: Frozen | None = None,
    every: Mapping[int, Callback] | None = None,
    progress: Progress | bool | None = None,
    checkpoints: Checkpoints | None = None,
    save_every: int | None = None,
    mesh: Mesh | None = None,
    batch_axes: str | Sequence[str] | None = None,
    rules: _rules.Rules = (),
    frozen_rules: _rules.Rules = (),
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
        frozen: the teacher's variables, or those of several networks by name; host
            arrays are put on the devices once.
        start: variables to start from instead of fresh ones.
        every: callbacks by period. `{100: f}` calls `f(state, metrics)` after steps
            100, 200... and the last; a number it returns is a score, and the state
            with the highest is kept as the best. Of a sweep it may return one a lane.
        progress: True shows how far the run is; what `progress` makes also keeps the
            learning curve. The device never waits for it.
        checkpoints: where to save and resume.
        save_every: the period of saving; the last step is always saved.
        mesh: devices to train on; axes of `jax.make_mesh` are taken as Auto.
        batch_axes: the axes of the mesh over which each batch is split, in order. By
            default those called 'replica', 'data' or 'fsdp', and where there is none
            of them the first. Along other axes the same examples are computed.
        rules: shardings of the state by path; by default it is on every device whole.
        frozen_rules: shardings of `frozen` by path, such as `teacher/params/kernel`.
        steps_per_dispatch: the window; by default chosen.

    Returns:
        The state after `num_steps`.

    Raises:
        TypeError: something was mistaken for another, such as a data set for a split;
            a callback returned what is no score, such as a word or a truth value.
        ValueError: a number out of range; a batch that the mesh does not divide; rules
            that do not fit; a checkpoint past `num_steps` or of another run.
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
    _check_kinds(learner, split, key, checkpoints, start, mesh)
    whole(num_steps=num_steps, batch_size=batch_size)
    whole(seed=seed, least=0, most=2**64 - 1)
    every = _callbacks(every)
    periods = [*every, *([] if save_every is None else [save_every])]
    layout = None if mesh is None else layout_of(mesh, batch_axes)
    _check_numbers(save_every, steps_per_dispatch, batch_size, layout)
    frozen, start = _placed(frozen, start, layout, frozen_rules)
    order_of = split.order or functools.partial(data.index_batches, split.size)
    order = order_of(batch_size=batch_size, seed=seed)
    with calm():
        state = _first_state(learner, split, order, key, frozen, start, layout, rules)
    if checkpoints is not None:
        how = {"batch_size": batch_size, "seed": seed, "key": key, "frozen": frozen}
        of, named = batch_of(split, order, 0), bool(checkpoints.recipe)
        facts = recipe(learner, split, of, state, named=named, **how)
        checkpoints = checkpoints.of(facts)
    if checkpoints is not None and (found := checkpoints.restore(state)):
        at, state = found
        if at > num_steps:
            raise ValueError(f"the checkpoint is at step {at}, past {num_steps=}")
    window = steps_per_dispatch or window_of(
        learner, split, state, frozen, order, periods
    )
    dispatch = dispatcher(learner, split, order, window, layout, frozen, state)
    with watching(progress, int(state.step), num_steps, seed) as watch:
        events = Events(every, checkpoints, save_every or 0, num_steps, watch)
        try:
            return _loop(dispatch, state, events, window)
        except BaseException:
            if checkpoints is not None:  # what is being written becomes whole first
                with contextlib.suppress(Exception):
                    checkpoints.wait()
            raise


def _check_kinds(learner, split, key, checkpoints, start, mesh) -> None:
    kinds.learner(learner=learner)
    kinds.split(split=split)
    check_key(key)
    if checkpoints is not None:
        opened = {"checkpoints": checkpoints}
        kinds.instance(Checkpoints, "opened by checkpoints(folder)", opened)
    if start is not None:
        kinds.variables(start=start)
    if mesh is not None:
        kinds.instance(Mesh, "a Mesh, such as data_mesh()", {"mesh": mesh})


def _callbacks(every: Mapping[int, Callback] | None) -> dict[int, Callback]:
    every = {} if every is None else every
    if not isinstance(every, Mapping):
        said = "callbacks by period, such as {100: f}"
        raise TypeError(f"every must be {said}, got {kinds.got(every)}")
    for period, callback in every.items():
        whole(**{"a period of every": period})
        kinds.function(**{f"every[{period}]": callback})
    return dict(every)


def _check_numbers(save_every, steps_per_dispatch, batch_size, layout) -> None:
    given = {"save_every": save_every, "steps_per_dispatch": steps_per_dispatch}
    whole(**{name: value for name, value in given.items() if value is not None})
    if layout is not None and batch_size % layout.parts:
        raise ValueError(
            f"batch_size={batch_size} is not divisible by the {layout.parts} parts "
            f"that axes {layout.batch_axes} of the mesh split it into"
        )


def _placed(frozen, start, layout: Layout | None, rules: _rules.Rules):
    """Variables on the devices, once and not at every dispatch."""
    mesh = None if layout is None else layout.mesh
    if rules and mesh is None:
        raise ValueError("frozen_rules= say where arrays live on a mesh: pass mesh=")
    by_name = _rules.placed(seen.by_name(frozen), mesh, rules)
    return (None if frozen is None else by_name), _rules.placed(start, mesh)


def _first_state(learner, split, order, key, frozen, start, layout, rules) -> State:
    batch = batch_of(split, order, 0)
    # A copy, because the first step takes over the buffers it starts from.
    start = jax.tree.map(jnp.copy, start)
    if layout is None:
        return compiled_init(learner.init)(key, batch, frozen, start=start)
    shapes = jax.eval_shape(learner.init, key, batch, frozen, start=start)
    wanted = _rules.state_shardings(shapes, layout.mesh, rules)
    init = jax.jit(learner.init, out_shardings=wanted)
    return init(key, batch, frozen, start=start)


def _loop(dispatch: Dispatch, state: State, events: Events, window: int) -> State:
    step = int(state.step)
    sums: dict[int, list[Any]] = {period: [] for period in events.every}
    before = None  # looked at one dispatch late, so that the device is never idle
    for stop in stops(step, window, events):
        with calm():
            state, metrics, bad = dispatch.run(state, step, stop)
        if before is not None:
            _done(before, state, dispatch, events)
        before, step = _Dispatched(stop, metrics, bad), stop
        for waiting in sums.values():
            waiting.append(metrics)
        state = after(step, state, sums, bad, dispatch, events)
    if before is not None:
        _done(before, state, dispatch, events)
    if events.checkpoints is not None:
        events.checkpoints.save(int(state.step), state)
        events.checkpoints.wait()
    return state


class _Dispatched(NamedTuple):
    stop: int
    sums: Any
    bad: Any


def _done(one: _Dispatched, state: State, dispatch: Dispatch, events: Events) -> None:
    """Looks at a dispatch that is over, so that nothing is waited for."""
    check(one.bad, state, dispatch, events)
    events.watch.done(one.stop, one.sums)
