"""One step: gradient, test, move; what is not finite is kept out."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import compress
from jdistill import views as seen
from jdistill.train._base import fixing, whole, without
from jdistill.train._finite import all_finite, finite_of
from jdistill.train._gradient import (
    Forward,
    Gradient,
    Networks,
    Recipe,
    accumulate,
    gather,
    networks_of,
    pmean,
    psum,
    step_key,
    trained_of,
    with_trained,
)
from jdistill.typing import (
    Array,
    Batch,
    Compression,
    Follower,
    Frozen,
    State,
    Tree,
)
from jdistill.views import STUDENT


def step_of(
    recipe: Recipe, state: State, batch: Batch, frozen: Mapping[str, Frozen]
) -> tuple[State, Any]:
    """The state after one step, and the metrics as sums and counts."""
    recipe, state, base = with_base(recipe, state, frozen)
    key = step_key(recipe, state)
    applied = recipe.compression.apply(state.params, state.learned, state.compression)
    networks = networks_of(recipe, frozen, state.followers)
    grads, forward = accumulate(recipe, state, applied, batch, networks, key)
    grads, metrics = psum(recipe, (grads, forward.metrics))
    forward = forward._replace(model_state=pmean(recipe, forward.model_state))
    # Known before anything moves: old and new need not be in memory side by side.
    good = (state.bad < 0) & all_finite(
        (metrics["loss"][0], grads, forward.model_state)
    )
    moved, sound = _move(recipe, state, batch, networks, grads, forward, base)
    kept = _chosen(good, moved, state)
    # What is small or of no use beside spoilt parameters waits for their test too.
    kept = kept._replace(
        params=without(kept.params, base),
        compression=_chosen(sound, kept.compression, state.compression),
        opt_state=jax.tree.map(
            lambda new, old: jnp.where(sound, new, old) if jnp.ndim(new) == 0 else new,
            kept.opt_state,
            state.opt_state,
        ),
    )
    bad = jnp.where((state.bad < 0) & ~(good & sound), state.step, state.bad)
    # The counter goes on, so that it is the same in every lane of a sweep; so is the
    # key, which no step changes.
    return kept._replace(step=state.step + 1, key=state.key, bad=bad), metrics


def with_base(
    recipe: Recipe, state: State, frozen: Mapping[str, Frozen]
) -> tuple[Recipe, State, Frozen | None]:
    """The recipe and the state with what is given of the student, which stays."""
    base = frozen.get(STUDENT)
    compression = fixing(recipe.compression, base)
    state = state._replace(params=whole(state.params, base))
    return recipe._replace(compression=compression), state, base


def optimiser_of(recipe: Recipe) -> compress.Optimizer:
    """The optimiser's step, and then the compression's."""
    return compress.optimize(_with_aux(recipe.compression), recipe.tx)


def _with_aux(compression: Compression) -> Compression:
    """The compression with what the terms train as a second part of `learned`."""

    def update(params, learned, state, **context):
        params, own, state = compression.update(params, learned[0], state, **context)
        return params, (own, learned[1]), state

    return compression._replace(
        update=update,
        apply=lambda params, both, state: compression.apply(params, both[0], state),
        trainable=lambda p, both, state: compression.trainable(p, both[0], state),
    )


def _chosen(flag: Array, new: Tree, old: Tree) -> Tree:
    return jax.tree.map(
        lambda new, old: old if new is old else jnp.where(flag, new, old), new, old
    )


def optimised(recipe: Recipe, state: State, grads: Gradient):
    """The optimiser's step and the compression's, as they come."""
    still = jax.tree.map(jnp.zeros_like, state.learned)  # moved through `applied`
    return optimiser_of(recipe).update(
        grads.applied,
        state.params,
        (state.learned, trained_of(state.aux)),
        state.compression,
        state.opt_state,
        step=state.step + 1,
        direct=(grads.raw, (still, grads.trained)),
        key=jax.random.fold_in(state.key, -1 - state.step),
    )


def _move(
    recipe: Recipe,
    state: State,
    batch: Batch,
    networks: Networks,
    grads: Gradient,
    forward: Forward,
    base: Frozen | None,
) -> tuple[State, Array]:
    """The state after a step, and whether the optimiser spoilt none of it."""
    params, learned, compressed, opt_state = optimised(recipe, state, grads)
    before = (state.params, (state.learned, trained_of(state.aux)))
    (params, (learned, trained)), sound = finite_of((params, learned), before)
    kept, batch = gather(recipe, (forward.kept, batch))
    # Memories keep what was compared: what the projections were, not what they become.
    views = seen.views_of(networks, kept, recipe.objective.remembers)
    aux = recipe.objective.update(state.aux, views, batch, step=state.step)
    student = Frozen(without(params, base), forward.model_state)
    moved = state._replace(
        params=params,
        learned=learned,
        model_state=forward.model_state,
        opt_state=opt_state,
        compression=compressed,
        aux=with_trained(aux, trained),
        followers={
            name: other.update(state.followers[name], student, step=state.step + 1)
            for name, other in recipe.others.items()
            if isinstance(other, Follower)
        },
    )
    return moved, sound
