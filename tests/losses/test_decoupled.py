import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 8, 5)), jnp.float32
)
LABELS = jnp.arange(8) % 5


def test_dkd_with_the_weights_of_kl_is_kl():
    p_y = jnp.take_along_axis(jax.nn.softmax(TEACHER), LABELS[:, None], 1)[:, 0]
    parts = [
        losses.dkd(STUDENT, TEACHER, labels=LABELS, alpha=a, beta=b, temperature=1)
        for a, b in ((1.0, 0.0), (0.0, 1.0))
    ]
    found = parts[0] + (1 - p_y) * parts[1]
    np.testing.assert_allclose(found, losses.kl(STUDENT, TEACHER), rtol=1e-4)


def test_dkd_still_hears_of_the_others_where_the_teacher_is_certain():
    labels = jnp.array([0])
    teacher = jnp.array([[40.0, 1.0, 0.0]])  # 1 - p_y is below float32 beside 1
    student = jnp.array([[40.0, 0.0, 1.0]])
    found = losses.dkd(
        student, teacher, labels=labels, alpha=0, beta=1.0, temperature=1
    )
    wanted = losses.kl(student[:, 1:], teacher[:, 1:])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize(("name", "least"), [("dkd", 3), ("nkd", 2)])
def test_too_few_classes_are_refused_in_one_line(name, least):
    few = jnp.zeros((1, least - 1))
    with pytest.raises(ValueError, match=f"{name} needs at least {least} classes"):
        getattr(losses, name)(few, few, labels=jnp.array([0]))


@pytest.mark.parametrize("name", ["dkd", "nkd"])
def test_the_label_at_the_extremes_keeps_value_and_gradient_finite(name):
    loss = inspect.unwrap(getattr(losses, name))
    both = jax.jit(jax.value_and_grad(lambda s, t, y: loss(s, t, labels=y).sum()))
    for sign in (1e4, -1e4):
        teacher = jnp.zeros((2, 3)).at[:, 1].set(sign)
        labels = jnp.array([1, 2])
        value, slope = both(-teacher, teacher, labels)
        assert np.isfinite(value) and np.all(np.isfinite(slope))


@pytest.mark.parametrize("name", ["dkd", "nkd"])
def test_a_label_beyond_the_classes_is_not_a_number(name):
    labels = jnp.full(8, 5)
    assert np.all(np.isnan(getattr(losses, name)(STUDENT, TEACHER, labels=labels)))


def test_nkd_softens_only_what_concerns_the_other_classes():
    cold, warm = (
        losses.nkd(STUDENT, TEACHER, labels=LABELS, gamma=0.0, temperature=t)
        for t in (1.0, 8.0)
    )
    np.testing.assert_array_equal(cold, warm)
