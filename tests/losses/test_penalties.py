import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses


def test_group_lasso_groups_the_output_units_of_a_kernel_by_default():
    kernel = jnp.zeros((3, 3, 4, 2)).at[..., 0].set(1.0)
    assert losses.group_lasso(kernel) == pytest.approx(36.0)


def test_the_gradient_of_a_zero_group_is_zero_beside_one_that_is_not():
    weights = jnp.array([[3.0, 0.0], [4.0, 0.0]])
    slope = jax.grad(losses.group_lasso)(weights)
    np.testing.assert_allclose(slope, np.sqrt(2) * np.array([[0.6, 0], [0.8, 0]]))


def test_an_axis_that_is_not_there_is_named():
    with pytest.raises(
        ValueError, match="axis must be a whole number from -2 to 1, got 2"
    ):
        losses.group_lasso(jnp.ones((3, 2)), axis=2)


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_penalties_take_any_shape(name):
    penalty = inspect.unwrap(getattr(losses, name))
    assert penalty(jnp.full((), 2.0)) == penalty(jnp.full((1, 1), 2.0))
