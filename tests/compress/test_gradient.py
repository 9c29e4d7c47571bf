"""Gradients come back through a compression, and steps stay off what may not move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress
from jdistill.typing import Compression

PARAMS = {"w": jnp.array([3.0, -1.0, 2.0]), "steps": jnp.arange(3), "none": None}
GRADS = {"w": jnp.array([1.0, 10.0, 100.0]), "steps": jnp.zeros(3), "none": None}


def scaled(power):
    """`w -> w * learned^power`, with one learned number."""

    def apply(params, learned, state):
        del state
        return {**params, "w": params["w"] * learned**power}

    return Compression(None, None, apply, None, None)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_gradients_equal_the_chain_rule_in_float64(power):
    learned = jnp.float32(1.5)
    grads, own = compress.pull_back(scaled(power), PARAMS, learned, (), GRADS)
    w, g = np.float64(PARAMS["w"]), np.float64(GRADS["w"])
    np.testing.assert_allclose(grads["w"], g * 1.5**power, rtol=1e-6)
    np.testing.assert_allclose(
        own, (g * w).sum() * power * 1.5 ** (power - 1), rtol=1e-6
    )


def test_integers_get_no_gradient_and_keep_their_type():
    grads, _ = compress.pull_back(compress.identity(), PARAMS, (), (), GRADS)
    assert grads["steps"].dtype == PARAMS["steps"].dtype
    assert not np.any(grads["steps"])
    assert grads["none"] is None


def test_masked_weights_get_no_gradient_and_rounded_ones_get_it_whole():
    c = compress.chain(
        compress.magnitude(sparsity=1 / 3, where="w"), compress.fake_quant(where="w")
    )
    at = c.update(PARAMS, *c.init(PARAMS), step=0)
    grads, _ = compress.pull_back(c, *at, GRADS)
    np.testing.assert_array_equal(grads["w"], [1, 0, 100])


def test_gradients_take_the_type_of_what_they_belong_to():
    params = {"w": jnp.ones(2, jnp.bfloat16)}
    grads, _ = compress.pull_back(
        compress.identity(), params, (), (), {"w": jnp.ones(2, jnp.float32)}
    )
    assert grads["w"].dtype == jnp.bfloat16


def test_pulling_back_is_the_gradient_through_apply():
    c = scaled(2)

    def loss(params):
        return jnp.sum(jnp.sin(params["w"]))

    whole = jax.grad(lambda w: loss(c.apply({**PARAMS, "w": w}, jnp.float32(0.7), ())))(
        PARAMS["w"]
    )
    seen = c.apply(PARAMS, jnp.float32(0.7), ())
    grads = {**GRADS, "w": jax.grad(lambda w: loss({"w": w}))(seen["w"])}
    pulled, _ = jax.jit(
        lambda g: compress.pull_back(c, PARAMS, jnp.float32(0.7), (), g)
    )(grads)
    np.testing.assert_allclose(pulled["w"], whole, rtol=1e-6)


def test_steps_are_kept_dropped_or_masked_leaf_by_leaf():
    steps = {"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.ones((2, 2))}
    mask = jnp.array([[True, False], [False, True]])
    found = compress.masked(steps, {"a": True, "b": False, "c": mask})
    assert found["a"] is steps["a"]
    np.testing.assert_array_equal(found["b"], [0, 0])
    np.testing.assert_array_equal(found["c"], [[1, 0], [0, 1]])


def test_a_step_that_is_not_finite_does_not_leak_through_a_mask():
    found = compress.masked(jnp.array([jnp.nan, 1.0]), jnp.array([False, True]))
    np.testing.assert_array_equal(found, [0, 1])
