import jax
import jax.numpy as jnp
import pytest

from jdistill.losses import _checks


def test_a_traced_number_is_not_known():
    assert _checks.known(jnp.ones(()))
    jax.jit(lambda x: _checks.positive("x", x))(-1.0)
    with pytest.raises(ValueError, match=r"x must be above 0, got -1\.0"):
        _checks.positive("x", -1.0)


def test_different_shapes_are_both_named():
    with pytest.raises(ValueError, match=r"shape \(2,\), teacher \(3,\)"):
        _checks.same_shape(jnp.ones(2), jnp.ones(3))
