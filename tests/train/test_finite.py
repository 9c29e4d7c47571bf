"""One step: which gradient, what moves, what never does."""

import jax
import jax.numpy as jnp
import optax

from tests.train.examples import (
    adam,
    batch,
    begin,
    net,
    same,
    steps,
)


def test_a_step_that_is_not_finite_changes_nothing_and_neither_do_those_after_it():
    recipe = adam()
    state, _ = steps(recipe, 2)
    step = jax.jit(recipe.step)
    spoilt = {**batch(), "inputs": batch()["inputs"].at[3, 1].set(jnp.nan)}
    bad, _ = step(state, spoilt)
    later, _ = step(bad, batch())
    assert int(bad.bad) == int(later.bad) == 2
    assert (int(bad.step), int(later.step)) == (3, 4)
    kept = state._replace(step=later.step, bad=later.bad)
    assert same(later, kept)


def test_a_step_of_the_optimiser_that_is_not_finite_is_not_taken():
    rates = jnp.array([0.1, 0.1, jnp.inf])
    recipe = adam(tx=optax.sgd(lambda count: rates[count]))
    state, _ = steps(recipe, 2)
    bad, _ = jax.jit(recipe.step)(state, batch())
    assert int(bad.bad) == 2
    assert same(bad.params, state.params)


def test_a_compiled_step_looks_for_what_is_not_finite_once_and_not_for_each_leaf():
    recipe = adam(net(widths=(6, 6, 6)))
    state = begin(recipe)
    program = jax.jit(recipe.step).lower(state, batch()).compile().as_text()
    leaves = jax.tree.leaves(state.params)
    assert 0 < program.count(" is-finite(") <= 3 * len(leaves) + 1
