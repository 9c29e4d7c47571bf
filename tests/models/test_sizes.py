"""Sizes and types out of range are refused by name."""

import jax.numpy as jnp
import pytest

from jdistill.models._sizes import float_type, positive


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", True, None])
def test_a_size_that_is_not_a_whole_number_from_1_is_refused(size):
    with pytest.raises(ValueError, match="classes must be"):
        positive(dim=3, classes=size)


@pytest.mark.parametrize("sizes", [[3, 0], (1.5,)])
def test_each_of_several_sizes_is_checked(sizes):
    with pytest.raises(ValueError, match="widths must be whole numbers"):
        positive(widths=sizes)


def test_sizes_in_range_pass():
    positive(classes=1, widths=(), hidden=[3, 4])


@pytest.mark.parametrize("dtype", ["int8", "single precision", "bool"])
def test_a_type_that_is_not_a_float_is_refused(dtype):
    with pytest.raises(ValueError, match=r"dtype must be one of .*bfloat16"):
        float_type(dtype)


def test_types_are_named_or_given():
    assert float_type("bfloat16") == jnp.bfloat16
    assert float_type(jnp.float32) == jnp.float32
