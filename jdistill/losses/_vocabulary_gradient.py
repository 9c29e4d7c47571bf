"""Values with the gradients that are asked for, on one device or on a mesh of them."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.sharding import Mesh, PartitionSpec

from jdistill.losses import _vocabulary_blocks as blocks
from jdistill.losses import _vocabulary_passes as passes
from jdistill.losses._vocabulary_blocks import Given, Plan

ALIKE = 1e-5
"""Relative to the weights: how far apart what is proportional to them may be."""


def differentiable(
    plan: Plan, form: str, mesh: Mesh | None
) -> Callable[[Given], jax.Array]:
    """`values(given)` [tokens], differentiable in hidden states and heads."""

    @jax.custom_vjp
    def each(given):
        return _on(mesh, plan, passes.values, (), given)[0]

    def forward(primals):
        asked = _asked(primals)
        given = jax.tree.map(lambda x: x.value, primals)
        whole = passes.together if form == "forward" else passes.values
        out, kept = _on(mesh, plan, whole, asked, given)
        found, grads = kept if form == "forward" else (kept, None)
        return out, (given, found, grads, dict.fromkeys(asked, ()))

    def backward(kept, by):
        given, found, grads, asked = kept
        if isinstance(by, SymbolicZero):
            return (None,)
        by = _counted(by, given)

        def again(asked):
            return _on(mesh, plan, passes.gradients, tuple(asked), given, found, by)

        if grads is None:
            return (_named(given, again(asked), by),)
        return (_named(given, _scaled(grads, given, by, again), by),)

    each.defvjp(forward, backward, symbolic_zeros=True)

    def alike(given):
        arrays = jax.tree.leaves(given)
        return each(jax.tree.map(lambda x: blocks.varying(x, *arrays), given))

    return alike


def _scaled(
    grads: passes.Gradients,
    given: Given,
    by: Any,
    again: Callable[[passes.Gradients], passes.Gradients],
) -> passes.Gradients:
    """Heads' gradients of the weighted sum, as those of the sum that is asked for."""
    heads = {name: x for name, x in grads.items() if name[0] == "head"}
    if not heads:
        return grads
    weights = jnp.ones_like(by) if given.weights is None else given.weights
    squares = jnp.sum(weights**2)
    scale = jnp.sum(by * weights) / jnp.where(squares > 0, squares, 1.0)
    even = scale * weights
    alike = jnp.all(jnp.abs(by - even) <= ALIKE * jnp.abs(even))

    def scaled():
        return {n: (scale * x).astype(given.head[n[1]].dtype) for n, x in heads.items()}

    return grads | jax.lax.cond(alike, scaled, lambda: again(heads))


def _asked(primals: Given) -> tuple[tuple[str, str], ...]:
    """The arrays that a gradient is asked for, by kind and side."""
    for name, number in primals.numbers.items():
        if number.perturbed:
            raise TypeError(f"a loss over a vocabulary has no gradient in its {name}")
    if any(x.perturbed for x in jax.tree.leaves(primals.labels)):
        raise TypeError("a loss over a vocabulary has no gradient in its target")
    arrays = {"hidden": primals.hidden, "head": primals.head}
    return tuple(
        (kind, side)
        for kind, sides in arrays.items()
        for side, x in sides.items()
        if x.perturbed
    )


def _named(given: Given, grads: passes.Gradients, by: Any) -> Given:
    """Gradients in the place of what they are of, None where none is asked for."""

    def hidden(side):
        rows = grads.get(("hidden", side))
        if rows is None:
            return None
        return (rows * by[:, None]).astype(given.hidden[side].dtype)

    def head(side):
        return grads.get(("head", side))

    both = [{side: of(side) for side in given.hidden} for of in (hidden, head)]
    return Given(*both, labels=None, weights=None, numbers=None)


def _counted(by: Any, given: Given) -> Any:
    return by if given.weights is None else jnp.where(given.weights != 0, by, 0.0)


def _on(
    mesh: Mesh | None,
    plan: Plan,
    function: Callable[..., Any],
    asked: tuple[tuple[str, str], ...],
    *arrays: Any,
) -> Any:
    """A pass on each device's own tokens and words."""
    if mesh is None:
        return function(plan, *arrays, asked)
    tokens, words = PartitionSpec(plan.tokens), PartitionSpec(None, plan.words)
    grads = {name: words if name[0] == "head" else tokens for name in asked}
    specs: Mapping[Any, Any] = {
        passes.values: (tokens, tokens),
        passes.together: (tokens, (tokens, grads)),
        passes.gradients: grads,
    }
    given = Given(tokens, words, tokens, tokens, PartitionSpec())
    return jax.shard_map(
        lambda *arrays: function(plan, *arrays, asked),
        mesh=mesh,
        in_specs=(given, tokens, tokens)[: len(arrays)],
        out_specs=specs[function],
        check_vma=False,  # what is equal on devices is made so by the passes' own sums
    )(*arrays)
