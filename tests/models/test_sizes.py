"""Types of networks are refused by name."""

import jax.numpy as jnp
import pytest

from jdistill.models._sizes import float_type


@pytest.mark.parametrize("dtype", ["int8", "single precision", "bool"])
def test_a_type_that_is_not_a_float_is_refused(dtype):
    with pytest.raises(ValueError, match=r"dtype must be one of .*bfloat16"):
        float_type(dtype)


def test_types_are_named_or_given():
    assert float_type("bfloat16") == jnp.bfloat16
    assert float_type(jnp.float32) == jnp.float32
