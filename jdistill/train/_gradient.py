"""The gradient of one step at the applied parameters, in one part or several."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill import compress
from jdistill import views as seen
from jdistill.train._base import whole
from jdistill.typing import (
    Augment,
    Batch,
    Compression,
    Follower,
    Frozen,
    Key,
    Model,
    Objective,
    Outputs,
    State,
    Tree,
    View,
)
from jdistill.views import STUDENT


class Recipe(NamedTuple):
    """What `learner` was given."""

    model: Model
    objective: Objective
    tx: Any
    others: Mapping[str, Model | Follower]
    augment: Augment | None
    compression: Compression
    axis_name: str | None
    micro_batches: int


AUGMENT = 0x5EED  # apart from the keys that a step splits off

Networks = dict[str, tuple[Model | None, Frozen | None]]
"""Networks other than the student, each with its variables where they are given."""


def networks_of(
    recipe: Recipe, frozen: Mapping[str, Frozen], followers: Mapping[str, Tree] | None
) -> Networks:
    """The networks that are not trained; followers only where their state is given."""
    found: Networks = {}
    for name, other in recipe.others.items():
        if isinstance(other, Model):
            found[name] = other, frozen.get(name)
        elif followers is not None:
            model = recipe.model if other.model is None else other.model
            variables = other.variables(followers[name])
            params = whole(variables.params, frozen.get(STUDENT))
            found[name] = model, variables._replace(params=params)
    return found


def student_view(recipe: Recipe, outputs: Outputs, applied: Tree, raw: Tree) -> View:
    needs, head = recipe.objective.needs, recipe.model.head
    needed = needs is None or (STUDENT, "head") in needs
    matrix = head(applied) if head and needed else None
    bounds = {"cap": recipe.model.cap, "words": recipe.model.words}
    return View(outputs, applied, raw, matrix, **bounds)


def trained_of(aux: Any) -> dict[str, Tree]:
    """What receives gradients of each term's `Aux`."""
    return {name: a.trained for name, a in aux.items()}


def with_trained(aux: Any, trained: Any) -> Any:
    return {name: a._replace(trained=trained[name]) for name, a in aux.items()}


def varying(recipe: Recipe, values: Tree) -> Tree:
    """The same values, of which each device takes a gradient of its own.

    `shard_map` keeps record of what is equal on all devices, and sums the gradients
    of that by itself; they would be summed twice.
    """
    axis = recipe.axis_name
    if axis is None:
        return values

    def mark(x):
        try:
            return jax.lax.pcast(x, axis, to="varying")
        except ValueError:  # it is marked so already
            return x

    return jax.tree.map(mark, values)


def psum(recipe: Recipe, values: Tree) -> Tree:
    if recipe.axis_name is None:
        return values
    return jax.lax.psum(values, recipe.axis_name)


def pmean(recipe: Recipe, state: Tree) -> Tree:
    if recipe.axis_name is None:
        return state
    return jax.lax.pmean(state, recipe.axis_name)


def gather(recipe: Recipe, values: Tree) -> Tree:
    """The whole batch's, where each device has a part; memories then stay equal."""
    if recipe.axis_name is None:
        return values
    return jax.lax.all_gather(
        varying(recipe, values), recipe.axis_name, tiled=True, to="invarying"
    )


def step_key(recipe: Recipe, state: State) -> Key:
    key = jax.random.fold_in(state.key, state.step)
    if recipe.axis_name is None:
        return key
    return jax.random.fold_in(key, jax.lax.axis_index(recipe.axis_name))


class Forward(NamedTuple):
    """What a forward pass leaves; `kept` are the outputs that memories read."""

    metrics: Any
    model_state: Any
    kept: Any


class Gradient(NamedTuple):
    """Gradients, None for what never moves; `raw` is None where no term reads it."""

    applied: Any
    trained: Any
    raw: Any


def _gradient(
    recipe: Recipe,
    state: State,
    applied: Tree,
    batch: Batch,
    networks: Networks,
    counts: Any,
    key: Key,
) -> tuple[Gradient, Forward]:
    model_key, loss_key = jax.random.split(key)
    objective = recipe.objective
    batch = augmented(recipe, batch, key)
    batch = seen.join(batch, networks, objective.needs)
    views = seen.views_of(networks, batch.get("outputs", {}), objective.needs)

    trainable = recipe.compression.trainable(
        state.params, state.learned, state.compression
    )
    penalised = objective.needs is None or (STUDENT, "raw") in objective.needs

    def loss(part, trained, raw):
        seen_by_model = compress.joined(part, applied)
        params = compress.joined(raw, state.params) if penalised else state.params
        outputs, model_state = recipe.model.apply(
            seen_by_model, state.model_state, batch, train=True, key=model_key
        )
        student = student_view(recipe, outputs, seen_by_model, params)
        value, metrics = objective.compute(
            {**views, STUDENT: student},
            batch,
            aux=with_trained(state.aux, trained),
            step=state.step,
            key=loss_key,
            counts=counts,
        )
        known = {**batch.get("outputs", {}), STUDENT: outputs}
        kept = {n: seen.pick(x, n, objective.remembers) for n, x in known.items()}
        return value, Forward(metrics, model_state, kept)

    grads, forward = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(
        compress.moving(applied, trainable),
        trained_of(state.aux),
        compress.moving(state.params, trainable) if penalised else None,
    )
    return Gradient(*grads), forward


def accumulate(
    recipe: Recipe,
    state: State,
    applied: Tree,
    batch: Batch,
    networks: Networks,
    key: Key,
):
    """The gradient of the whole batch, its metrics, and the model state after it."""
    parts = recipe.micro_batches
    trained = varying(recipe, trained_of(state.aux))
    state = state._replace(
        params=varying(recipe, state.params),
        model_state=varying(recipe, state.model_state),
        aux=with_trained(state.aux, trained),
    )
    applied = varying(recipe, applied)
    if parts == 1:
        counts = psum(recipe, _counts(recipe, batch, networks))
        return _gradient(recipe, state, applied, batch, networks, counts, key)
    size = jax.tree.leaves(batch)[0].shape[0]
    if size % parts:
        raise ValueError(f"micro_batches={parts} does not divide a batch of {size}")
    # Every `parts`-th example: where the batch is split over devices, each of them has
    # its share of every part, and nothing moves between them.
    stacked = jax.tree.map(
        lambda x: jnp.swapaxes(x.reshape(-1, parts, *x.shape[1:]), 0, 1), batch
    )
    # Of the parts, because a penalty counts once in each of them.
    each = jax.vmap(lambda micro: _counts(recipe, micro, networks))(stacked)
    counts = psum(recipe, jax.tree.map(lambda x: jnp.sum(x, axis=0), each))

    def one(model_state, micro, key):
        now = state._replace(model_state=model_state)
        return _gradient(recipe, now, applied, micro, networks, counts, key)

    def part(carry, inputs):
        model_state, sums = carry
        grads, forward = one(model_state, *inputs)
        sums = jax.tree.map(jnp.add, sums, (grads, forward.metrics))
        return (forward.model_state, sums), forward.kept

    first = jax.tree.map(lambda x: x[0], stacked)
    shapes = jax.eval_shape(lambda: one(state.model_state, first, key))
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, jnp.promote_types(x.dtype, jnp.float32)),
        (shapes[0], shapes[1].metrics),
    )
    zeros = varying(recipe, zeros)
    keys = jax.random.split(key, parts)
    (model_state, (grads, metrics)), kept = jax.lax.scan(
        part, (state.model_state, zeros), (stacked, keys)
    )
    kept = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:]), kept)
    return grads, Forward(metrics, model_state, kept)


def _counts(recipe: Recipe, batch: Batch, networks: Networks) -> Any:
    """What the terms count; outputs that are not there yet count by their shapes."""
    needs = recipe.objective.needs
    shapes = jax.eval_shape(lambda: seen.join(batch, networks, needs))
    counted = {**batch, "outputs": shapes.get("outputs", {})}
    return recipe.objective.count(counted)


def augmented(recipe: Recipe, batch: Batch, key: Key) -> Batch:
    """The batch as all networks of the step see it."""
    if recipe.augment is None:
        return batch
    if batch.get("outputs"):
        raise ValueError(
            f"outputs of {sorted(batch['outputs'])} came with the batch, and augment= "
            "alters what they were computed from: leave one of them out"
        )
    return recipe.augment(batch, jax.random.fold_in(key, AUGMENT))
