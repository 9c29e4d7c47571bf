"""Many steps in one program: windows of steps over resident data, or a stream."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import data, ops, programs, tree
from jdistill.train import _mesh, _rules
from jdistill.train._mesh import Layout
from jdistill.typing import Batch, Init, Split, State, Step, Teach

RESIDENT_BYTES = 2**30  # larger splits are streamed
WINDOW_BYTES = 2**26  # what the gathered examples of one dispatch may take
WINDOW_STEPS = 96


class Dispatch(NamedTuple):
    """`run(state, start, stop) -> state, sums, bad`; `explain(state, step) -> str`."""

    run: Callable[[State, int, int], tuple[State, Any, Any]]
    explain: Callable[[State, int], str]


def with_mask(batch: Batch) -> dict[str, Any]:
    """The batch with `mask`, all ones where it has none."""
    batch = dict(batch)
    batch.setdefault("mask", np.ones(len(batch["id"]), np.float32))
    return batch


def batch_of(split: Split, order: data.IndexBatches, step: int) -> Batch:
    """The batch of one step, on the default device."""
    batch = with_mask(split.take(order.window(step, step + 1)[0]))
    return jax.tree.map(jnp.asarray, batch)


def means(sums: list[Any]) -> dict[str, Any]:
    """The means over several dispatches; of a sweep, one a lane.

    Example:
        >>> means([{'loss': (3.0, 2.0)}, {'loss': (1.0, 2.0)}])
        {'loss': np.float64(1.0)}
    """
    # Array by array: these are small and there already, so that the tree of copies
    # that `jax.device_get` sets going costs nine times as much as the copies.
    leaves, form = zip(*(jax.tree.flatten(one) for one in sums), strict=True)
    columns = zip(*(map(np.asarray, each) for each in leaves), strict=True)
    total = jax.tree.unflatten(form[0], [np.sum(each, axis=0) for each in columns])
    return {name: value / np.maximum(n, 1e-30) for name, (value, n) in total.items()}


def window_of(learner, split, state, frozen, order, periods: list[int]) -> int:
    """How many steps a dispatch holds: many, and where that can be, periods evenly."""
    if split.arrays is None:
        return 1
    batch = batch_of(split, order, 0)
    taught = jax.eval_shape(learner.teach, batch, frozen)  # held for a whole window
    if jax.default_backend() == "cpu":
        found = ops.products(learner.teach, batch, frozen)
        found += ops.products(traced(learner.step), state, taught, frozen)
        if any(op.kind == "conv_general_dilated" for op in found):
            return 1
    most = max(1, WINDOW_BYTES // max(1, tree.num_bytes(taught)))
    common = math.gcd(*periods) or WINDOW_STEPS
    most = min(most, common, WINDOW_STEPS)
    even = max(n for n in range(1, most + 1) if common % n == 0)
    # An event that cuts a window has the whole of it gathered twice: a loss of n steps
    # in a period, against one dispatch in n steps. Both are least near the root.
    uneven = min(most, math.isqrt(common))
    return even if 2 * even >= uneven else uneven


@programs.kept
def compiled_init(init: Init) -> Init:
    """What makes the first state, traced and compiled once."""
    return jax.jit(init)


@programs.kept
def traced(step: Step) -> Step:
    """A step that is traced once, whichever programs it becomes a part of."""
    return jax.jit(step, inline=True)


def dispatcher(learner, split, order, window, layout, frozen, state) -> Dispatch:
    """Steps on resident data where the split fits, else on a stream."""
    step = traced(learner.step)

    def explain(state, step):
        batch = batch_of(split, order, step)
        return learner.explain(state._replace(step=jnp.int32(step)), batch, frozen)

    stays = None if layout is None else _Stays.of(state)
    if split.arrays is not None and tree.num_bytes(split.arrays) <= RESIDENT_BYTES:
        mesh = None if layout is None else layout.mesh
        arrays = _rules.placed(_padded(with_mask(split.arrays)), mesh)
        program = _resident(step, learner.teach, window, layout, stays)

        def run(state, start, stop):
            first = start - start % window
            indices = order.window(first, first + window)
            return program(state, arrays, indices, start - first, stop - first, frozen)

        return Dispatch(run, explain)

    batches = _batches(split, order, layout)
    program = _streamed(step, layout, stays)

    def run_streamed(state, start, stop):
        sums = None
        for step in range(start, stop):
            state, metrics, bad = program(state, batches(step), frozen)
            sums = metrics if sums is None else jax.tree.map(jnp.add, sums, metrics)
        return state, sums, bad

    return Dispatch(run_streamed, explain)


def _batches(split, order, layout: Layout | None) -> Callable[[int], Batch]:
    """The batch of a step; on a mesh each process reads what its devices hold."""
    if layout is None:
        stream = _Stream(split, order)
        return lambda step: with_mask(stream.batch(step))
    size = order.batch_size
    rows = _mesh.rows_of(layout, size)
    part = _Stream(split, order.part(rows))
    return lambda step: _mesh.from_host(with_mask(part.batch(step)), layout, rows, size)


class _Stays(NamedTuple):
    """The shardings of a state, to be those of the state after a dispatch.

    Left to itself the compiler may return a leaf split that came whole; the next
    dispatch then compiles anew.
    """

    form: Any
    leaves: tuple[Any, ...]

    @classmethod
    def of(cls, state: State) -> "_Stays":
        leaves, form = jax.tree.flatten(jax.tree.map(lambda x: x.sharding, state))
        return cls(form, tuple(leaves))

    def state(self) -> State:
        return jax.tree.unflatten(self.form, self.leaves)


class _Stream:
    """Batches in order with read-ahead, from whichever step is asked for first."""

    def __init__(self, split, order):
        self._open = lambda start: data.stream(split, order, start=start)
        self._next, self._batches = -1, iter(())

    def batch(self, step: int) -> Batch:
        if step != self._next:
            self._batches = self._open(step)
        self._next = step + 1
        return next(self._batches)


def _padded(arrays: Batch, multiple: int = 1024) -> Batch:
    # Folds of nearly one size then share one compiled program; no index reaches this.
    def pad(x):
        extra = -len(x) % multiple
        return np.concatenate([x, np.zeros((extra, *x.shape[1:]), x.dtype)])

    return jax.tree.map(pad, arrays)


def _jitted(program, layout: Layout | None, stays: _Stays | None):
    if layout is None or stays is None:
        return jax.jit(program, donate_argnums=0)
    outputs = (stays.state(), layout.whole(), layout.whole())
    return jax.jit(program, donate_argnums=0, out_shardings=outputs)


@programs.kept
def _resident(
    step: Step,
    teach: Teach,
    window: int,
    layout: Layout | None,
    stays: _Stays | None,
):
    def split(batch, axis):
        return batch if layout is None else _mesh.split_batch(batch, layout, axis=axis)

    def program(state, arrays, indices, start, stop, frozen):
        rows = indices.reshape(-1)
        flat = jax.tree.map(lambda x: x.at[rows].get(mode="clip"), arrays)
        flat = split(flat, 0)
        if window == 1:  # taught by the step itself, part by part
            state, sums = step(state, flat, frozen)
            return state, sums, state.bad
        flat = teach(flat, frozen)
        batches = jax.tree.map(lambda x: x.reshape(window, -1, *x.shape[1:]), flat)
        batches = split(batches, 1)

        def one(slot, state):
            return step(state, jax.tree.map(lambda x: x[slot], batches), frozen)

        shapes = jax.eval_shape(lambda state: one(0, state)[1], state)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

        def body(slot, carry):
            state, metrics = one(slot, carry[0])
            return state, jax.tree.map(jnp.add, carry[1], metrics)

        state, sums = jax.lax.fori_loop(start, stop, body, (state, zeros))
        return state, sums, state.bad

    return _jitted(program, layout, stays)


@programs.kept
def _streamed(step: Step, layout: Layout | None, stays: _Stays | None):
    def program(state, batch, frozen):
        state, sums = step(state, batch, frozen)
        return state, sums, state.bad

    return _jitted(program, layout, stays)
