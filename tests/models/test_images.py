"""Images have four axes, or get their fourth."""

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.models._images import as_images


def test_grey_images_get_a_channel():
    x = jnp.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(as_images(x, model="m")[..., 0], x)


def test_images_with_channels_stay():
    x = jnp.ones((2, 4, 4, 3))
    assert as_images(x, model="m") is x


@pytest.mark.parametrize("shape", [(2, 64), (2, 3, 4, 4, 1)])
def test_other_ranks_are_errors(shape):
    with pytest.raises(ValueError, match=r"resnet takes images \[batch, height"):
        as_images(jnp.ones(shape), model="resnet")


def test_images_that_are_too_small_are_errors():
    with pytest.raises(ValueError, match="lenet5 takes images of at least 16 x 16"):
        as_images(jnp.ones((1, 8, 20, 1)), model="lenet5", smallest=16)
