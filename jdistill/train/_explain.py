"""Why a step was not finite: the first culprit, by name."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import tree
from jdistill.counting import weights_of
from jdistill.train._gradient import (
    Forward,
    Gradient,
    Networks,
    Recipe,
    accumulate,
    step_key,
)
from jdistill.typing import Batch, State, Tree


def explain(
    recipe: Recipe, state: State, batch: Batch, networks: Networks, step: Callable
) -> str:
    """What is not finite first: an input, a term, a gradient, or what `step` makes."""
    recipe = recipe._replace(axis_name=None)
    applied = recipe.compression.apply(state.params, state.learned, state.compression)
    key = step_key(recipe, state)
    grads, forward = accumulate(recipe, state, applied, batch, networks, key)
    return (
        _examples(batch)
        or _labels(recipe, state, batch)
        or _terms(applied, forward, grads)
        or _first_bad("the gradient of parameter", grads.applied)
        or _moved(*step(recipe, state, grads)[:2])
        or "the state is not finite"
    )


def _examples(batch: Batch) -> str:
    real = jnp.asarray(batch["mask"]) != 0 if "mask" in batch else True
    for name, x in _floats(batch).items():
        rows = real & ~jnp.isfinite(x).reshape(len(x), -1).all(axis=1)
        if rows.any():
            named = batch.get("id", jnp.arange(len(rows)))[rows].tolist()[:5]
            return f"{name!r} is not finite in examples {named}"
    return ""


def _labels(recipe: Recipe, state: State, batch: Batch) -> str:
    """A label that is no class, which makes a loss NaN."""
    label = batch.get("label")
    if label is None or not jnp.issubdtype(label.dtype, jnp.integer):
        return ""
    shape = jax.eval_shape(
        lambda: recipe.model.apply(state.params, state.model_state, batch)[0].logits
    )
    if shape is None or shape.shape[:-1] != label.shape:
        return ""
    counts = weights_of(batch, labeled=True) != 0
    wrong = counts & ((label < 0) | (label >= shape.shape[-1]))
    if not wrong.any():
        return ""
    row = int(jnp.argmax(wrong.reshape(len(label), -1).any(axis=1)))
    value = int(label[row].reshape(-1)[jnp.argmax(wrong[row].reshape(-1))])
    named = int(batch["id"][row]) if "id" in batch else row
    last = shape.shape[-1] - 1
    return f"label {value} of example {named} is not one of the classes 0 to {last}"


def _terms(applied: Tree, forward: Forward, grads: Gradient) -> str:
    terms = {n: v for n, (v, _) in forward.metrics.items() if n != "loss"}
    bad = {name: value for name, value in terms.items() if not jnp.isfinite(value)}
    for name, value in bad.items():
        culprit = _first_bad("parameter", applied)
        culprit = culprit or _first_bad("the gradient of parameter", grads.applied)
        return f"term {name!r} is {float(value)}" + (culprit and f"; {culprit}")
    loss = forward.metrics["loss"][0]
    if not jnp.isfinite(loss):
        return f"the loss is {float(loss)}, its terms are finite: a weight is not"
    return ""


def _moved(params: Tree, learned: tuple[Tree, Tree]) -> str:
    moved = {"learned": learned[0], "aux": learned[1]}
    bad = _first_bad("the optimiser's step of parameter", params)
    return bad or _first_bad("the optimiser's step of", moved)


def _floats(values: Tree) -> dict[str, Any]:
    leaves = tree.flatten(values).items()
    return {p: x for p, x in leaves if jnp.issubdtype(x.dtype, jnp.floating)}


def _first_bad(what: str, values: Tree) -> str:
    bad = [p for p, x in _floats(values).items() if not jnp.isfinite(x).all()]
    return f"{what} {bad[0]!r} is not finite" if bad else ""
