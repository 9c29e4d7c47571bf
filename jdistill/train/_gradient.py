"""The gradient of one step at the applied parameters, in one part or several."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill import compress
from jdistill.typing import (
    Batch,
    Compression,
    Key,
    Model,
    Objective,
    Outputs,
    State,
    Tree,
)


class Recipe(NamedTuple):
    model: Model
    objective: Objective
    optimiser: compress.Optimiser
    teacher: Model | None
    compression: Compression
    axis_name: str | None
    micro_batches: int


def teacher_outputs(batch: Batch) -> Outputs | None:
    if "teacher_logits" not in batch:
        return None
    return Outputs(batch["teacher_logits"], batch.get("teacher_features", {}))


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
    metrics: Any
    model_state: Any
    student: Outputs


class Gradient(NamedTuple):
    applied: Any
    trained: Any
    raw: Any


def _gradient(
    recipe: Recipe, state: State, applied: Tree, batch: Batch, counts: Any, key: Key
) -> tuple[Gradient, Forward]:
    model_key, loss_key = jax.random.split(key)

    def loss(applied, trained, params):
        student, model_state = recipe.model.apply(
            applied, state.model_state, batch, train=True, key=model_key
        )
        value, metrics = recipe.objective.compute(
            student,
            teacher_outputs(batch),
            batch,
            params=params,
            applied=applied,
            aux=with_trained(state.aux, trained),
            step=state.step,
            key=loss_key,
            counts=counts,
        )
        return value, Forward(metrics, model_state, student)

    grads, forward = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(
        applied, trained_of(state.aux), state.params
    )
    return Gradient(*grads), forward


def accumulate(recipe: Recipe, state: State, applied: Tree, batch: Batch, key: Key):
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
        counts = psum(recipe, recipe.objective.count(batch))
        return _gradient(recipe, state, applied, batch, counts, key)
    size = jax.tree.leaves(batch)[0].shape[0]
    if size % parts:
        raise ValueError(f"micro_batches={parts} does not divide a batch of {size}")
    stacked = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), batch)
    # Of the parts, because a penalty counts once in each of them.
    each = jax.vmap(recipe.objective.count)(stacked)
    counts = psum(recipe, jax.tree.map(lambda x: jnp.sum(x, axis=0), each))

    def part(carry, inputs):
        model_state, sums = carry
        micro, key = inputs
        grads, forward = _gradient(
            recipe, state._replace(model_state=model_state), applied, micro, counts, key
        )
        sums = jax.tree.map(jnp.add, sums, (grads, forward.metrics))
        return (forward.model_state, sums), forward.student

    first = jax.tree.map(lambda x: x[0], stacked)
    shapes = jax.eval_shape(
        lambda: _gradient(recipe, state, applied, first, counts, key)
    )
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), (shapes[0], shapes[1].metrics)
    )
    zeros = varying(recipe, zeros)
    keys = jax.random.split(key, parts)
    (model_state, (grads, metrics)), student = jax.lax.scan(
        part, (state.model_state, zeros), (stacked, keys)
    )
    student = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), student)
    return grads, Forward(metrics, model_state, student)
