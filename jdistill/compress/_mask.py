"""Masks as a compression: which weights are zero, kept in the state.

A method of pruning is a function that chooses masks; what a mask means for training,
the optimiser and the file is the same for all of them and stands here.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool

from jdistill import tree
from jdistill.compress._encoded import Dense, Sparse
from jdistill.compress._values import check_positive
from jdistill.typing import Compression, Tree


class Masks(NamedTuple):
    """The masks by path, and whether they were ever chosen."""

    masks: Mapping[str, Bool[Array, "..."]]
    started: Bool[Array, ""]


def masking(
    choose: Callable[..., Mapping[str, Any]], *, where: tree.Where, every: int
) -> Compression:
    r"""Pruning with the masks that `choose` gives.

    .. math:: \hat w = m \odot w

    `update` chooses masks at the first call and whenever `step` is a multiple of
    `every`, and sets the raw weights under a mask to 0, so they rank last for ever.

    Args:
        choose: `choose(weights, masks, step) -> masks`, dictionaries by path.
        where: which parameters to prune; `ops.weights` by default.
        every: steps between two choices.

    Returns:
        A compression of kind `mask`.

    Raises:
        ValueError: `every` is less than 1.

    Example:
        >>> c = masking(lambda w, m, step: {'a': w['a'] > 1}, where='a', every=1)
        >>> params = {'a': jnp.array([1.0, 2.0])}
        >>> params, learned, state = c.update(params, *c.init(params), step=0)
        >>> c.apply(params, learned, state)
        {'a': Array([0., 2.], dtype=float32)}
    """
    check_positive("every", every)

    def init(params, *, key=None, products=None):
        del key
        paths = tree.select(params, where, default=products)
        weights = {p: x for p, x in tree.flatten(params).items() if p in paths}
        masks = {p: jnp.ones_like(x, bool) for p, x in weights.items() if _real(x)}
        return (), Masks(masks, jnp.zeros((), bool))

    def apply(params, learned, state):
        del learned
        return _each(lambda mask, x: jnp.where(mask, x, 0), state.masks, params)

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        del grads, stats, key
        weights = {p: x for p, x in tree.flatten(params).items() if p in state.masks}
        due = jnp.asarray(step % every == 0) | ~state.started
        # A loop of at most one round, not a cond: batched over hyperparameters, a cond
        # would run both branches at every step, a loop only while one of them is due.
        _, masks = lax.while_loop(
            lambda carry: carry[0],
            lambda carry: (jnp.zeros_like(due), choose(weights, carry[1], step)),
            (due, dict(state.masks)),
        )
        state = Masks(masks, jnp.ones_like(state.started))
        return apply(params, learned, state), learned, state

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

    return Compression(init, update, apply, encode, trainable, ("mask",))


def _real(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def _each(function: Callable[..., Any], masks: Mapping[str, Any], params: Tree) -> Tree:
    return tree.map_paths(
        lambda path, x: function(masks[path], x) if path in masks else x, params
    )
