import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 8, 5)), jnp.float32
)


def test_binary_kl_is_kl_between_yes_and_no_added_up():
    ours, theirs = (jnp.stack([z, 0 * z], axis=-1) for z in (STUDENT, TEACHER))
    wanted = losses.kl(ours, theirs, temperature=2.0).sum(-1)
    found = losses.binary_kl(STUDENT, TEACHER, temperature=2.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_binary_kl_has_the_gradient_of_cross_entropy_with_soft_labels():
    soft = jax.nn.sigmoid(TEACHER)
    slopes = [
        jax.grad(lambda s: losses.binary_kl(s, TEACHER).sum())(STUDENT),
        jax.grad(lambda s: losses.binary_cross_entropy(s, soft).sum())(STUDENT),
    ]
    np.testing.assert_allclose(*slopes, atol=1e-6)


def test_answers_may_be_booleans_integers_or_floats():
    answers = np.random.default_rng(0).integers(2, size=(8, 5))
    values = [
        losses.binary_cross_entropy(STUDENT, jnp.asarray(answers, kind))
        for kind in (jnp.bool_, jnp.int8, jnp.float32)
    ]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


def test_labels_of_another_shape_are_refused():
    plain = inspect.unwrap(losses.binary_cross_entropy)
    with pytest.raises(ValueError, match=r"logits have shape \(8, 5\), labels \(8,\)"):
        plain(STUDENT, jnp.zeros(8))
