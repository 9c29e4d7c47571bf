import inspect

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = (
    jnp.asarray(RANDOM.normal(size=(2, 3, 4, 5)), jnp.float32) for _ in range(2)
)


def test_the_order_of_positions_and_the_scale_change_nothing():
    found = losses.ickd(STUDENT, TEACHER)
    turned = 5 * jnp.rot90(STUDENT, axes=(1, 2))
    np.testing.assert_allclose(losses.ickd(turned, TEACHER), found, rtol=1e-4)


def test_maps_of_another_size_can_be_compared():
    larger = jnp.repeat(jnp.repeat(STUDENT, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(losses.ickd(STUDENT, larger), 0, atol=1e-6)
    assert losses.ickd(STUDENT[:, 0], TEACHER).shape == (2,)


def test_another_number_of_channels_is_refused_by_name():
    plain = inspect.unwrap(losses.ickd)
    with pytest.raises(ValueError, match=r"\(2, 3, 4, 5\).*\(2, 3, 4, 4\).*channels"):
        plain(STUDENT, TEACHER[..., :4])
