"""Optimisers of configurations: schedules, clipping, and names."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.tools.optimisers import optimiser


def rates(num_steps=10, **spec):
    """The step that a gradient of 1 causes, at each step."""
    tx = optimiser({"name": "sgd", "learning_rate": 0.5, **spec}, num_steps=num_steps)
    state, found = tx.init(jnp.zeros(())), []
    for _ in range(num_steps):
        update, state = tx.update(jnp.ones(()), state)
        found.append(-float(update))
    return np.array(found)


def test_schedules_go_from_the_highest_rate_to_zero():
    t = np.arange(10) / 10
    np.testing.assert_allclose(rates(), 0.5)
    np.testing.assert_allclose(rates(schedule="linear"), 0.5 * (1 - t), atol=1e-7)
    cosine = 0.25 * (1 + np.cos(np.pi * t))
    np.testing.assert_allclose(rates(schedule="cosine"), cosine, atol=1e-7)


def test_warmup_rises_from_zero_and_the_schedule_ends_where_the_run_does():
    found = rates(schedule="linear", warmup=4)
    wanted = [0, 0.125, 0.25, 0.375, *(0.5 * (1 - np.arange(6) / 6))]
    np.testing.assert_allclose(found, wanted, atol=1e-7)


def test_gradients_are_clipped_before_the_optimiser_sees_them():
    spec = {"name": "sgd", "learning_rate": 1.0, "clip_norm": 1.0}
    tx = optimiser(spec, num_steps=1)
    grads = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    update, _ = tx.update(grads, tx.init(grads))
    np.testing.assert_allclose(
        [update["a"][0], update["b"][0]], [-0.6, -0.8], rtol=1e-6
    )


def test_other_arguments_are_the_optimisers_own():
    spec = {"name": "adamw", "learning_rate": 0.1, "weight_decay": 0.5, "b1": 0.5}
    tx, plain = optimiser(spec, num_steps=3), optax.adamw(0.1, b1=0.5, weight_decay=0.5)
    params = jnp.array([1.0, -2.0])
    one, _ = tx.update(params, tx.init(params), params)
    two, _ = plain.update(params, plain.init(params), params)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"name": "adam"}, "optimiser 'adam' needs 'learning_rate'"),
        ({"name": "adm", "learning_rate": 1.0}, "optax has no 'adm'; did you mean"),
        ({"name": "adam", "learning_rate": 1.0, "schedule": "x"}, "no schedule 'x'"),
        ({"name": "adam", "learning_rate": 1.0, "beta": 1}, "adam takes no .*'beta'"),
    ],
)
def test_mistakes_are_named(spec, said):
    with pytest.raises(ValueError, match=said):
        optimiser(spec, num_steps=10)
