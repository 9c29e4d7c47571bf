"""A whole trade-off curve in one program: one recipe a value of its hyperparameters."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.typing import Frozen, Learner, State


def sweep(make: Callable[..., Learner], hyper: Mapping[str, Any]) -> Learner:
    r"""Recipes that differ in numbers only, trained side by side as one learner.

    .. math:: \theta_i \leftarrow step_{make(h_i)}(\theta_i, batch), \quad i = 1 \dots n

    Each lane sees the same batches, starts from the same key, and is what `run` makes
    of `make(**h_i)` alone, to rounding. A lane whose loss is no longer finite stops and
    the others go on; `run` raises once all have stopped.

    Args:
        make: builds a learner from one value of each hyperparameter. It is called
            inside the trace, so the values are scalars that have no Python value.
        hyper: by name, an array `[lanes]` of values each.

    Returns:
        A learner for `run`. Every leaf of its state but `step` and `key` has a leading
        axis of lanes, and so have metrics and what `finish` and `encode` return; `lane`
        takes one out.

    Raises:
        ValueError: there is no hyperparameter, or they are not of one length.

    Example:
        >>> import optax
        >>> from jdistill import losses, models, objective, train
        >>> student = models.mlp(widths=(4,), classes=2)
        >>> hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
        >>> rates = {'rate': jnp.array([0.1, 0.01, 0.001])}
        >>> three = sweep(lambda rate: train.learner(student, hard, optax.sgd(rate)),
        ...               rates)
        >>> batch = {'inputs': jnp.ones((4, 5)), 'label': jnp.zeros(4, int)}
        >>> three.init(jax.random.key(0), batch).bad.shape
        (3,)
    """
    values = {name: np.asarray(value) for name, value in hyper.items()}
    shapes = {name: value.shape for name, value in values.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 1:
        raise ValueError(f"hyper needs arrays [lanes] of one length, got {shapes}")
    lanes = State(**dict.fromkeys(State._fields, 0))._replace(step=None, key=None)

    def of(index: int) -> Learner:
        return make(**{name: value[index] for name, value in values.items()})

    def init(key, batch, frozen=None, *, start: Frozen | None = None) -> State:
        def one(values):
            return make(**values).init(key, batch, frozen, start=start)

        return jax.vmap(one, out_axes=lanes)(_arrays(values))

    def step(state, batch, frozen=None):
        def one(values, state):
            return make(**values).step(state, batch, frozen)

        each = jax.vmap(one, in_axes=(0, lanes), out_axes=(lanes, 0))
        return each(_arrays(values), state)

    def finish(state: State) -> Frozen:
        def one(values, state):
            return make(**values).finish(state)

        return jax.vmap(one, in_axes=(0, lanes))(_arrays(values), state)

    def encode(state: State):
        def one(values, state):
            return make(**values).encode(state)

        return jax.vmap(one, in_axes=(0, lanes))(_arrays(values), state)

    def explain(state, batch, frozen=None) -> str:
        index = int(np.argmax(np.asarray(state.bad)))  # the last that stopped
        culprit = {name: value[index].item() for name, value in values.items()}
        reason = of(index).explain(lane(state, index), batch, frozen)
        return f"all lanes have stopped, the last with {culprit}: {reason}"

    return Learner(init, of(0).teach, step, finish, encode, explain)


def lane(state: State, index: int) -> State:
    """The state of one lane of a sweep, as its own learner takes it.

    Args:
        state: of a learner that `sweep` made.
        index: which lane, from 0.

    Returns:
        The state without the axis of lanes.

    Example:
        >>> state = State(*[jnp.arange(3)] * 9)
        >>> lane(state, 1).params, lane(state, 1).step.shape
        (Array(1, dtype=int32), (3,))
    """
    one = jax.tree.map(lambda x: x[index], state._replace(step=None, key=None))
    return one._replace(step=state.step, key=state.key)


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jnp.asarray(value) for name, value in values.items()}
