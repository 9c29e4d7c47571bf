import inspect

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

RANDOM = np.random.default_rng(0)
FINE, COARSE, VECTOR = (
    jnp.asarray(RANDOM.normal(size=shape), jnp.float32)
    for shape in ((2, 8, 8, 3), (2, 2, 2, 4), (2, 5))
)
context = inspect.unwrap(losses.hierarchical_context)


def test_levels_add_up():
    zeros = tuple(0 * level for level in (FINE, COARSE, VECTOR))
    whole = context((FINE, COARSE, VECTOR), zeros)
    parts = [context((x,), (0 * x,)) for x in (FINE, COARSE, VECTOR)]
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-5)


def test_a_vector_or_a_single_position_is_a_mean_squared_error():
    wanted = losses.fitnet(VECTOR, 0 * VECTOR)
    np.testing.assert_allclose(context((VECTOR,), (0 * VECTOR,)), wanted, rtol=1e-6)
    single = VECTOR[:, None, None]
    np.testing.assert_allclose(context((single,), (0 * single,)), wanted, rtol=1e-6)


def test_an_error_that_is_the_same_everywhere_costs_its_square():
    np.testing.assert_allclose(context((FINE + 3,), (FINE,)), 9.0, rtol=1e-5)


def test_an_error_that_averages_out_costs_less():
    board = jnp.tile(jnp.array([[1.0, -1.0], [-1.0, 1.0]]), (4, 4))[None, :, :, None]
    np.testing.assert_allclose(context((board,), (0 * board,)), 1 / 1.875, rtol=1e-6)


@pytest.mark.parametrize(
    ("student", "teacher", "said"),
    [
        ((FINE,), (FINE, COARSE), r"student has levels \(\(2, 8, 8, 3\),\), teacher"),
        ((FINE,), (COARSE,), r"student has shape \(2, 8, 8, 3\), teacher \(2, 2, 2, 4"),
        ((FINE[0],), (FINE[0],), r"a level is \[batch, height, width, channels\] or"),
    ],
)
def test_levels_that_do_not_fit_are_named(student, teacher, said):
    with pytest.raises(ValueError, match=said):
        context(student, teacher)


def test_one_array_is_no_tuple_of_levels():
    maps = jnp.ones((2, 3, 3, 4))
    with pytest.raises(ValueError, match=r"teacher is one array of shape \(2, 3, 3, 4"):
        inspect.unwrap(losses.hierarchical_context)((maps, maps), maps)
