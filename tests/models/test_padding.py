"""Padded positions are found and left out."""

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.models._padding import keep_if_padding, real_positions


def test_no_mask_means_no_positions():
    assert real_positions((2, 3), {}, at="norm") is None


def test_padded_examples_are_not_real():
    real = real_positions((3, 4, 4, 2), {"mask": jnp.array([1, 0, 1])}, at="norm")
    np.testing.assert_array_equal(np.ravel(real), [True, False, True])
    assert real.shape == (3, 1, 1, 1)


def test_padded_tokens_are_not_real_where_the_array_has_steps():
    batch = {"mask": jnp.array([1, 0]), "token_mask": jnp.array([[1, 0], [1, 1]])}
    real = real_positions((2, 2, 5), batch, at="norm")
    np.testing.assert_array_equal(real[..., 0], [[True, False], [False, False]])


def test_tokens_do_not_matter_where_the_array_has_no_steps():
    batch = {"mask": jnp.array([1, 0]), "token_mask": jnp.array([[1, 0], [1, 1]])}
    real = real_positions((2, 5), batch, at="norm")
    np.testing.assert_array_equal(real[:, 0], [True, False])


def test_a_batch_of_padding_counts_whole_so_that_means_are_finite():
    assert real_positions((2, 3), {"mask": jnp.zeros(2)}, at="norm").all()


def test_an_array_without_the_batch_in_front_is_an_error():
    with pytest.raises(ValueError, match=r"'Block_0/norm'.*\(8, 3\).*batch of 2"):
        real_positions((8, 3), {"mask": jnp.ones(2)}, at="Block_0/norm")


def test_a_batch_of_padding_leaves_the_state_as_it_was():
    new, old = {"mean": jnp.ones(2)}, {"mean": jnp.zeros(2)}
    assert keep_if_padding(new, old, {}) is new
    for mask, kept in ([0, 0], 0.0), ([0, 1], 1.0):
        out = keep_if_padding(new, old, {"mask": jnp.array(mask)})
        np.testing.assert_array_equal(out["mean"], [kept, kept])
