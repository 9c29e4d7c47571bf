"""Masks as a compression: which weights are zero, kept in the state.

A method of pruning is a function that chooses masks; what a mask means for training,
the optimiser and the file is the same for all of them and stands here.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from jdistill import tree
from jdistill.checks import constants, fraction, whole
from jdistill.compress._encoded import Dense, Sparse
from jdistill.compress._uses import uses_of
from jdistill.compress._values import refuse_weights
from jdistill.ops import Op, Use
from jdistill.typing import Compression, Tree, value_at


class Masks(NamedTuple):
    """The masks by path, whether they were ever chosen, and at which goal.

    `uses` says how products read the weights; it holds no arrays.
    """

    masks: Mapping[str, Bool[Array, "..."]]
    started: Bool[Array, ""]
    goal: Float[Array, ""]
    uses: Mapping[str, Use]


class Choice(NamedTuple):
    """What a choice of masks sees, each by path.

    * `weights`: the raw weights.
    * `masks`: those in force.
    * `uses`: how products read each weight (`ops.Use`).
    * `goal`: the value of the schedule at this step.
    * `step`: of training.
    * `stats`: what calibration observed of some of them, or None.
    """

    weights: Mapping[str, Any]
    masks: Mapping[str, Any]
    uses: Mapping[str, Use]
    goal: Any
    step: Any
    stats: Mapping[str, Any] | None


def masking(
    choose: Callable[[Choice], Mapping[str, Any]],
    *,
    where: tree.Where,
    every: int | None,
    goal: Any = 0.0,
    statistics: tuple[Callable[[Op, int, Any], Mapping[str, Any]], ...] = (),
) -> Compression:
    r"""Pruning with the masks that `choose` gives.

    .. math:: \hat w = m \odot w

    `update` chooses masks at the first call, whenever `step` is a multiple of `every`,
    and where the goal has come to rest at a value that no choice has seen, so that the
    last value of a schedule always arrives. It sets the raw weights under a mask to 0,
    so they rank last for ever.

    Args:
        choose: `choose(choice) -> masks` by path.
        where: which parameters to prune; as for `magnitude`.
        every: steps between two choices; None chooses where there are `stats` alone.
        goal: the fraction of zeros that `choose` aims at, a number or a schedule;
            outside [0, 1) a concrete step is refused, and a traced one gives NaN.
        statistics: what `choose` needs to know of inputs, as `stats`.

    Returns:
        A compression of kind `mask`.

    Raises:
        ValueError: `every` is less than 1; on `update`, a goal out of range.

    Example:
        >>> c = masking(lambda at: {'a': at.weights['a'] > 1}, where='a', every=1)
        >>> params = {'a': jnp.array([1.0, 2.0])}
        >>> params, learned, state = c.update(params, *c.init(params), step=0)
        >>> c.apply(params, learned, state)
        {'a': Array([0., 2.], dtype=float32)}
    """
    if every is not None:
        whole(every=every)
    fraction(**constants(sparsity=goal))
    tree.check_where(where)

    def init(params, *, key=None, products=None):
        del key
        uses = uses_of(params, where, products)
        weights = {p: x for p, x in tree.flatten(params).items() if p in uses}
        refuse_weights(weights)
        masks = {path: jnp.ones_like(x, bool) for path, x in weights.items()}
        return (), Masks(masks, jnp.zeros((), bool), jnp.float32(0), uses)

    def apply(params, learned, state):
        del learned
        return _each(lambda mask, x: jnp.where(mask, x, 0), state.masks, params)

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        del grads, key
        weights = {p: x for p, x in tree.flatten(params).items() if p in state.masks}
        value, due = _due(goal, step, state, every, stats)

        def chosen(carry):
            at = Choice(weights, carry[1], state.uses, value, step, stats)
            return jnp.zeros_like(due), choose(at)

        # A loop of at most one round, not a cond: batched over hyperparameters, a cond
        # would run both branches at every step, a loop only while one of them is due.
        _, masks = lax.while_loop(
            lambda carry: carry[0], chosen, (due, {**state.masks})
        )
        seen = jnp.where(due, value, state.goal).astype(jnp.float32)
        state = Masks(masks, jnp.ones_like(state.started), seen, state.uses)
        params = apply(params, learned, state)
        return _refused(params, state.masks, value), learned, state

    def encode(params, learned, state):
        leaves = tree.flatten(apply(params, learned, state))
        masks = state.masks
        return {
            path: Sparse(masks[path], Dense(x)) if path in masks else Dense(x)
            for path, x in leaves.items()
        }

    def trainable(params, learned, state):
        del learned
        return tree.map_paths(lambda path, _: state.masks.get(path, True), params)

    return Compression(init, update, apply, encode, trainable, ("mask",), statistics)


def _due(
    goal: Any, step: Any, state: Masks, every: int | None, stats: Any
) -> tuple[Any, Any]:
    """The goal at a step, and whether masks are to be chosen."""
    value = value_at(goal, step)
    if every is None:
        return value, jnp.full(jnp.shape(state.started), stats is not None)
    due = jnp.asarray(step % every == 0) | ~state.started
    if callable(goal):  # a schedule may come to rest between two multiples
        known = "" if isinstance(step, Tracer) else f" at step {step}"
        fraction(**{f"sparsity{known}": value})
        value = jnp.asarray(value, jnp.float32)
        due |= (value == value_at(goal, step + 1)) & (value != state.goal)
    return value, due


def _refused(params: Tree, masks: Mapping[str, Any], goal: Any) -> Tree:
    """The parameters, NaN where a traced goal is no fraction: a run then stops."""
    if not isinstance(goal, Tracer):
        return params
    fine = (goal >= 0) & (goal < 1)
    return _each(lambda _, x: jnp.where(fine, x, jnp.nan), masks, params)


def _each(
    function: Callable[[Any, Any], Any], masks: Mapping[str, Any], params: Tree
) -> Tree:
    return tree.map_paths(
        lambda path, x: function(masks[path], x) if path in masks else x, params
    )
