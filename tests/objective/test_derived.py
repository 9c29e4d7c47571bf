import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import objective
from jdistill.objective import computed, connect, rerun, stopped, taps, term
from jdistill.typing import Outputs, View
from tests.objective.networks import LINEAR, X, Y, total, value, views


def test_no_gradient_passes_what_is_stopped():
    def loss(x, source):
        return value(
            term(lambda a, b: jnp.sum(a * b, -1), taps("student", "tap"), source),
            views(x),
        )

    free = jax.grad(loss)(X, objective.logits("student"))
    held = jax.grad(loss)(X, stopped(objective.logits("student")))
    np.testing.assert_allclose(free, 2 * held, rtol=1e-5)


def test_several_sources_may_be_made_one():
    both = computed(
        lambda a, b: (a + b) / 2, objective.logits("a"), objective.logits("b")
    )
    made = term(total, both)
    assert made.needs == {("a", "logits"), ("b", "logits")}
    found = value(made, views(a=X, b=Y))
    np.testing.assert_allclose(found, ((X + Y) / 2).sum(-1).mean(), rtol=1e-5)
    spoilt = views(a=X.at[1, 1].set(jnp.nan), b=Y)
    assert np.isnan(value(term(lambda x: jnp.zeros(4), both), spoilt))
    with pytest.raises(ValueError, match="computed takes no projections"):
        projected = objective._connect.bound(
            [connect(taps("student", "tap"), LINEAR), taps("student", "tap")]
        )
        computed(total, projected[0])


def test_a_fixed_network_runs_on_other_inputs_and_the_gradient_reaches_them():
    seen = views()
    seen["teacher"] = View(run=lambda batch: Outputs(batch["inputs"] ** 2))

    def loss(x):
        again = rerun("teacher", taps("student", "tap"))
        both = {**seen, "student": View(Outputs(None, {"tap": x}))}
        return value(term(total, again), both)

    np.testing.assert_allclose(loss(X), (X**2).sum(-1).mean(), rtol=1e-5)
    np.testing.assert_allclose(jax.grad(loss)(X), 2 * X / 4, rtol=1e-5)
    with pytest.raises(ValueError, match="variables of the aunt were not given"):
        value(term(total, rerun("aunt", taps("student", "tap"))), views(aunt=Y))
