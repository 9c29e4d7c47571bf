"""A method of pruning is a choice of masks; all else is the same for every method."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress
from jdistill.ops import Use

PARAMS = {"w": jnp.array([3.0, -1.0, 2.0, -4.0]), "bias": jnp.ones(2)}


def alternate(at):
    """Keeps the even or the odd places, by the step."""
    return {p: (jnp.arange(w.size) + at.step) % 2 == 0 for p, w in at.weights.items()}


def positive(at):
    return {path: w > 0 for path, w in at.weights.items()}


def walk(c, steps, params=PARAMS):
    """The parameters that the model sees after each update."""
    learned, state = c.init(params)
    for step in steps:
        params, learned, state = c.update(params, learned, state, step=step)
        yield c.apply(params, learned, state), state


def test_before_the_first_update_nothing_is_masked():
    c = compress.masking(positive, where="w", every=1)
    learned, state = c.init(PARAMS)
    assert learned == () and not state.started
    np.testing.assert_array_equal(c.apply(PARAMS, (), state)["w"], PARAMS["w"])


def test_masks_are_chosen_first_and_then_at_multiples_of_every():
    c = compress.masking(alternate, where="w", every=4)
    chosen = [int(state.masks["w"][0]) for _, state in walk(c, (1, 2, 3, 4, 5, 6, 7))]
    assert chosen == [0, 0, 0, 1, 1, 1, 1]


def test_choose_sees_its_own_weights_and_the_masks_that_were():
    seen = []

    def choose(at):
        seen.append((set(at.weights), set(at.masks)))
        return at.masks

    c = compress.masking(choose, where="w", every=1)
    list(walk(c, (0,)))
    assert set(map(tuple, (map(tuple, pair) for pair in seen))) == {(("w",), ("w",))}


def test_raw_weights_under_a_mask_become_zero_and_others_do_not_move():
    c = compress.masking(positive, where="w", every=1)
    params, *_ = c.update(PARAMS, *c.init(PARAMS), step=0)
    np.testing.assert_array_equal(params["w"], [3, 0, 2, 0])
    assert params["bias"] is PARAMS["bias"]


def test_what_may_move_is_what_the_mask_keeps():
    c = compress.masking(positive, where="w", every=1)
    at = c.update(PARAMS, *c.init(PARAMS), step=0)
    moves = c.trainable(*at)
    np.testing.assert_array_equal(moves["w"], [True, False, True, False])
    assert moves["bias"] is True


def test_the_encoding_is_the_mask_with_the_values():
    c = compress.masking(positive, where="w", every=1)
    at = c.update(PARAMS, *c.init(PARAMS), step=0)
    forms = c.encode(*at)
    assert isinstance(forms["w"], compress.Sparse)
    assert isinstance(forms["bias"], compress.Dense)
    for path, form in forms.items():
        np.testing.assert_array_equal(compress.decode(form), c.apply(*at)[path])


def test_the_default_is_the_weights_of_products():
    c = compress.masking(positive, where=None, every=1)
    _, state = c.init(
        PARAMS, products={"w": Use((0,)), "bias": Use((0,), looked_up=True)}
    )
    assert set(state.masks) == {"w"}
    with pytest.raises(ValueError, match="where= is needed here"):
        c.init(PARAMS)


def test_integers_are_never_masked():
    c = compress.masking(positive, where=".*", every=1)
    _, state = c.init({"w": jnp.ones(2), "count": jnp.arange(2)})
    assert set(state.masks) == {"w"}


def test_the_masks_of_many_runs_at_once_are_those_of_each():
    def kept(threshold, step):
        c = compress.masking(
            lambda at: {"w": jnp.abs(at.weights["w"]) > threshold},
            where="w",
            every=2,
        )
        learned, state = c.init(PARAMS)
        _, _, state = c.update(PARAMS, learned, state, step=step)
        return state.masks["w"]

    thresholds = jnp.array([0.5, 1.5, 3.5])
    together = jax.jit(jax.vmap(kept, in_axes=(0, None)))(thresholds, 1)
    for threshold, mask in zip(thresholds, together, strict=True):
        np.testing.assert_array_equal(mask, kept(threshold, 1))


def test_a_choice_is_not_computed_at_other_steps():
    def costly(at):
        jax.debug.callback(lambda: calls.append(1))
        return at.masks

    calls = []
    c = compress.masking(costly, where="w", every=3)
    learned, state = c.init(PARAMS)
    update = jax.jit(c.update)
    for step in range(1, 7):
        _, learned, state = update(PARAMS, learned, state, step=jnp.int32(step))
    jax.effects_barrier()
    assert len(calls) == 3  # the first, 3 and 6


def test_weight_decay_and_momentum_leave_masked_weights_at_zero():
    c = compress.masking(positive, where="w", every=10)
    tx, params = compress.as_optax(c, optax.adamw(0.1, weight_decay=0.5)), PARAMS
    opt_state = tx.init(params)
    for _ in range(3):
        grads = jax.tree.map(jnp.ones_like, params)
        updates, opt_state = tx.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_array_equal(params["w"][jnp.array([1, 3])], [0, 0])
    assert np.all(params["w"][jnp.array([0, 2])] != PARAMS["w"][jnp.array([0, 2])])


def test_a_period_below_1_is_refused():
    with pytest.raises(ValueError, match="every must be a whole number from 1, got 0"):
        compress.masking(positive, where="w", every=0)


@pytest.mark.parametrize("last", [0.8, 0.05])
@pytest.mark.parametrize("end", [7, 10, 13])
def test_the_last_value_of_a_schedule_arrives_though_no_choice_is_due(last, end):
    """Also where the run ends with the schedule, and only once."""
    calls = []

    def choose(at):
        jax.debug.callback(lambda goal: calls.append(float(goal)), at.goal)
        return at.masks

    def goal(step):
        return last * jnp.minimum(step / end, 1.0)

    c = compress.masking(choose, where="w", every=5, goal=goal)
    learned, state = c.init(PARAMS)
    update = jax.jit(c.update)
    for step in range(end + 1):
        _, learned, state = update(PARAMS, learned, state, step=jnp.int32(step))
    jax.effects_barrier()
    assert calls[-1] == pytest.approx(last)
    for step in range(end + 1, 15):
        _, learned, state = update(PARAMS, learned, state, step=jnp.int32(step))
    jax.effects_barrier()
    assert len(calls) == sum(step % 5 == 0 for step in range(15)) + (end % 5 != 0)


@pytest.mark.parametrize("value", [80.0, 1.5, 1.0, -0.1, jnp.nan])
def test_a_schedule_to_no_fraction_is_refused_at_a_step_and_nan_when_traced(value):
    def goal(step):
        return value + 0 * step

    c = compress.masking(lambda at: at.masks, where="w", every=1, goal=goal)
    at = c.init(PARAMS)
    with pytest.raises(ValueError, match=r"sparsity at step 3 must be .*below 1"):
        c.update(PARAMS, *at, step=3)
    params, *_ = jax.jit(c.update)(PARAMS, *at, step=3)
    assert np.all(np.isnan(params["w"])) and not np.any(np.isnan(params["bias"]))


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf])
def test_weights_that_cannot_be_ranked_are_named(value):
    c = compress.masking(positive, where="w", every=1)
    with pytest.raises(ValueError, match="'w' holds NaN or infinity"):
        c.init({"w": jnp.array([1.0, value])})


def test_a_model_without_products_of_its_own_is_refused():
    c = compress.masking(positive, where=None, every=1)
    for products in ({}, {"w": Use((0,), looked_up=True)}):
        with pytest.raises(ValueError, match="no product with a weight of its own"):
            c.init(PARAMS, products=products)
