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


@pytest.mark.parametrize(("name", "least"), [("dkd", 3), ("mft", 2), ("nkd", 2)])
def test_too_few_classes_are_refused_in_one_line(name, least):
    few = jnp.zeros((1, least - 1))
    with pytest.raises(ValueError, match=f"{name} needs at least {least} classes"):
        getattr(losses, name)(few, few, labels=jnp.array([0]))


@pytest.mark.parametrize("name", ["dkd", "mft", "nkd"])
def test_the_label_at_the_extremes_keeps_value_and_gradient_finite(name):
    loss = inspect.unwrap(getattr(losses, name))
    both = jax.jit(jax.value_and_grad(lambda s, t, y: loss(s, t, labels=y).sum()))
    for sign in (1e4, -1e4):
        teacher = jnp.zeros((2, 3)).at[:, 1].set(sign)
        labels = jnp.array([1, 2])
        value, slope = both(-teacher, teacher, labels)
        assert np.isfinite(value) and np.all(np.isfinite(slope))


@pytest.mark.parametrize("name", ["dkd", "mft", "nkd"])
@pytest.mark.parametrize("label", [5, -1, -6])
def test_a_label_of_no_class_is_not_a_number(name, label):
    labels = jnp.full(8, label)
    assert np.all(np.isnan(getattr(losses, name)(STUDENT, TEACHER, labels=labels)))


@pytest.mark.parametrize("name", ["dkd", "nkd"])
def test_labels_that_are_not_one_for_each_row_are_refused(name):
    loss = inspect.unwrap(getattr(losses, name))
    with pytest.raises(ValueError, match=r"logits have shape \(8, 5\), labels \(1,\)"):
        loss(STUDENT, TEACHER, labels=LABELS[:1])


def test_others_far_below_the_label_are_still_exact():
    far = jnp.array([[1e4, 0.0, 0.0, 0.0]])
    found = losses.nkd(far, far, labels=jnp.array([0]), gamma=1.0)
    np.testing.assert_allclose(found, np.log(3), rtol=1e-6)
    student = jnp.array([[1e4, 1.0, 0.0, -1.0]])
    found = losses.dkd(student, far, labels=jnp.array([0]), beta=1.0, temperature=1)
    wanted = losses.kl(student[:, 1:], far[:, 1:])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_nkd_softens_only_what_concerns_the_other_classes():
    cold, warm = (
        losses.nkd(STUDENT, TEACHER, labels=LABELS, gamma=0.0, temperature=t)
        for t in (1.0, 8.0)
    )
    np.testing.assert_array_equal(cold, warm)


def corrected(teacher, labels, threshold):
    """The student that `mft` wants, by many steps along its gradient."""

    def step(_, logits):
        slope = jax.grad(
            lambda s: losses.mft(s, teacher, labels=labels, threshold=threshold).sum()
        )
        return logits - slope(logits)

    return jax.nn.softmax(jax.lax.fori_loop(0, 3000, step, jnp.zeros_like(teacher)))


def test_mft_wants_a_label_that_leads_by_the_threshold_and_all_else_in_proportion():
    teacher = jnp.log(jnp.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    found = corrected(teacher, jnp.array([0, 1]), 0.1)
    np.testing.assert_allclose(found[0], [0.6, 0.24, 0.16], atol=1e-4)
    np.testing.assert_allclose(found[1, 1] - found[1, 0], 0.1, atol=1e-4)
    np.testing.assert_allclose(found[1, 0] / found[1, 2], 2.5, rtol=1e-3)


def test_mft_without_a_threshold_is_kl_where_the_teacher_is_right():
    labels = jnp.argmax(TEACHER, axis=-1)
    found = losses.mft(STUDENT, TEACHER, labels=labels, threshold=0, temperature=2.0)
    wanted = losses.kl(STUDENT, TEACHER, temperature=2.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_mft_is_cross_entropy_where_the_teacher_needs_no_other_class():
    teacher = jnp.zeros((8, 5)).at[jnp.arange(8), LABELS].set(6.0)
    found = losses.mft(STUDENT, teacher, labels=LABELS)
    wanted = losses.cross_entropy(STUDENT, LABELS)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_label_among_equally_likely_classes_counts_as_the_best():
    found = losses.mft(
        jnp.zeros((3, 3)), jnp.zeros((3, 3)), labels=jnp.arange(3), threshold=0.0
    )
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_a_threshold_that_is_no_share_is_named(threshold):
    loss = inspect.unwrap(losses.mft)
    with pytest.raises(ValueError, match=f"threshold must be from 0.*{threshold}"):
        loss(STUDENT, TEACHER, labels=LABELS, threshold=threshold)
