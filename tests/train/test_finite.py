"""One step: which gradient, what moves, what never does."""

import jax
import jax.numpy as jnp
import optax
import pytest

from jdistill import compress, train
from jdistill.train import _finite
from jdistill.train._finite import all_finite
from tests.train.examples import (
    adam,
    batch,
    begin,
    net,
    same,
    steps,
)


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0), (2, 0, 3)])
def test_an_empty_leaf_is_finite(shape):
    assert bool(all_finite({"w": jnp.ones(2), "e": jnp.zeros(shape)}))
    assert not bool(all_finite({"w": jnp.array([jnp.nan]), "e": jnp.zeros(shape)}))


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


def test_a_split_weight_is_not_multiplied_by_zeros_that_carry_its_split_to_others():
    values = {"a": jnp.ones((4, 3)), "b": jnp.ones(4)}
    traced = jax.jit(all_finite).trace(values)
    text = traced.lower(lowering_platforms=("tpu",)).as_text()
    assert "is_finite" in text
    assert "dot_general" not in text


@pytest.mark.parametrize("shape", [(6, 40, 300), (6, 300, 40), (3, 3, 8, 40), (40, 9)])
def test_no_weight_is_turned_over_before_it_is_looked_at(shape):
    program = jax.jit(all_finite).lower({"a": jnp.ones(shape)}).compile().as_text()
    assert "dot(" in program
    assert "transpose" not in program
    assert "copy(" not in program


@pytest.mark.parametrize("value", [jnp.inf, -jnp.inf, jnp.nan])
@pytest.mark.parametrize("look", [_finite._by_number, _finite._by_product])
def test_both_ways_to_look_find_the_only_bad_number(look, value):
    clean = jnp.full((4, 3, 5), 3e38)
    assert look(clean)
    assert not look(clean.at[2, 1, 4].set(value))


def test_what_the_optimiser_spoils_stays_as_it_was_number_by_number():
    """A rate that is infinite for one of the weights at the third step."""

    def update(updates, count, params=None):
        kernel = updates["Dense_0"]["kernel"]
        spoilt = kernel.at[1, 2].multiply(jnp.where(count == 2, jnp.inf, 1.0))
        return {**updates, "Dense_0": {**updates["Dense_0"], "kernel": spoilt}}, (
            count + 1
        )

    spoiling = optax.GradientTransformation(lambda params: jnp.int32(0), update)
    recipe = adam(
        tx=optax.chain(optax.adam(1e-2), spoiling),
        others={"mean": train.follow_mean(decay=0.5)},
        compression=compress.magnitude(sparsity=0.5, every=1, where="Dense_1/.*"),
    )
    state, _ = steps(recipe, 2)
    bad, _ = jax.jit(recipe.step)(state, batch())
    later, _ = jax.jit(recipe.step)(bad, batch())
    assert int(bad.bad) == int(later.bad) == 2
    assert all(
        jnp.isfinite(x).all() for x in jax.tree.leaves((bad.params, bad.followers))
    )
    kernel, before = bad.params["Dense_0"]["kernel"], state.params["Dense_0"]["kernel"]
    assert kernel[1, 2] == before[1, 2]
    assert (kernel != before).sum() > kernel.size / 2
    assert same(bad.compression, state.compression)
    assert bad.opt_state[1] == state.opt_state[1] == 2
    assert same(later, bad._replace(step=later.step))
    said = recipe.explain(bad._replace(step=bad.bad), batch())
    assert said == "the optimiser's step of parameter 'Dense_0/kernel' is not finite"
