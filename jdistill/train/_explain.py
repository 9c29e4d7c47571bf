"""Why a step was not finite: the first culprit, by name."""

from typing import Any

import jax.numpy as jnp

from jdistill import tree
from jdistill.train._gradient import Gradient, Recipe, accumulate, step_key
from jdistill.typing import Batch, State, Tree


def explain(recipe: Recipe, state: State, batch: Batch) -> str:
    applied = recipe.compression.apply(state.params, state.learned, state.compression)
    key = step_key(recipe, state)
    grads, forward = accumulate(recipe, state, applied, batch, key)
    finite = {path: bool(jnp.isfinite(x).all()) for path, x in _floats(batch)}
    for name in [name for name, ok in finite.items() if not ok]:
        rows = ~jnp.isfinite(batch[name]).reshape(len(batch[name]), -1).all(axis=1)
        named = batch.get("id", jnp.arange(len(rows)))[rows].tolist()[:5]
        return f"{name!r} is not finite in examples {named}"
    for name, (value, _) in forward.metrics.items():
        if name != "loss" and not jnp.isfinite(value):
            bad = [p for p, x in _floats(applied) if not jnp.isfinite(x).all()]
            where = f"; parameter {bad[0]!r} is not finite" if bad else ""
            return f"term {name!r} is {float(value)}{where}{_first_bad(grads)}"
    return f"the loss is finite{_first_bad(grads)}"


def _floats(values: Tree) -> list[tuple[str, Any]]:
    leaves = tree.flatten(values).items()
    return [(p, x) for p, x in leaves if jnp.issubdtype(x.dtype, jnp.floating)]


def _first_bad(grads: Gradient) -> str:
    bad = [p for p, x in _floats(grads.applied) if not jnp.isfinite(x).all()]
    return f"; the gradient of parameter {bad[0]!r} is not finite" if bad else ""
