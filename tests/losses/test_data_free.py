import jax
import jax.numpy as jnp
import numpy as np

from jdistill import losses


def test_a_class_that_never_occurs_adds_nothing_and_no_infinity():
    sure = jnp.array([[400.0, 0.0, 0.0]] * 3)
    found = losses.class_balance(sure)
    np.testing.assert_allclose(found, 0.0, atol=1e-6)
    slope = jax.grad(lambda z: losses.class_balance(z).sum())(sure)
    assert np.all(np.isfinite(slope))


def test_balanced_classes_are_the_least():
    random = np.random.default_rng(0)
    even = jnp.eye(4) * 50.0
    least = losses.class_balance(even)
    np.testing.assert_allclose(least, -np.log(4), rtol=1e-6)
    for _ in range(5):
        other = jnp.asarray(random.normal(size=(4, 4)), jnp.float32)
        assert losses.class_balance(other)[0] > least[0]
