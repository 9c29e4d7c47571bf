import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.losses import _checks


def test_a_list_of_numbers_is_no_array():
    _checks.arrays(x=jnp.ones(2), y=np.ones(2))
    with pytest.raises(TypeError, match=r"y must be an array, got a list"):
        _checks.arrays(x=jnp.ones(2), y=[1.0])
    with pytest.raises(TypeError, match=r"teacher must be a tuple, maps, got an int"):
        _checks.several("maps", student=(), teacher=3)


def test_labels_are_integers_one_for_each_row():
    _checks.one_label_each(jnp.ones((2, 4, 3)), jnp.ones((2, 4), jnp.uint8))
    with pytest.raises(ValueError, match=r"shape \(2, 3\), labels \(2, 1\): .* \(2,\)"):
        _checks.one_label_each(jnp.ones((2, 3)), jnp.ones((2, 1), int))
    with pytest.raises(TypeError, match="labels must be integers, got float32"):
        _checks.one_label_each(jnp.ones((2, 3)), jnp.ones(2))


def test_different_shapes_are_both_named():
    with pytest.raises(ValueError, match=r"shape \(2,\), teacher \(3,\)"):
        _checks.same_shape(jnp.ones(2), jnp.ones(3))


def test_one_array_is_not_several():
    _checks.several("two of them", student=(jnp.ones(2),), teacher=[jnp.ones(2)])
    with pytest.raises(ValueError, match=r"teacher is one .* \(2,\).*two of them"):
        _checks.several("two of them", student=(), teacher=jnp.ones(2))


def test_a_mask_of_other_tokens_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 1\), the features \(2, 3, 4\)"):
        _checks.of_tokens(jnp.ones((2, 1)), jnp.ones((2, 3, 4)))
