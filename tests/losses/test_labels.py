import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses


def test_cross_entropy_takes_every_integer_type_of_label():
    logits = jnp.array([[0.0, 1.0, 2.0]])
    values = [
        float(losses.cross_entropy(logits, jnp.array([2], kind))[0])
        for kind in (jnp.int8, jnp.uint8, jnp.int32)
    ]
    assert len(set(values)) == 1


NAMES = pytest.mark.parametrize(
    "name", ["cross_entropy", "label_smoothing", "virtual_teacher"]
)


@NAMES
@pytest.mark.parametrize("label", [3, -1, -4])
def test_a_label_of_no_class_is_not_a_number_rather_than_a_wrong_one(name, label):
    loss = getattr(losses, name)
    assert np.isnan(loss(jnp.zeros((1, 3)), jnp.array([label]))[0])


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 1), (4, 3)])
def test_labels_that_are_not_one_for_each_row_are_refused(shape):
    loss = inspect.unwrap(losses.cross_entropy)
    with pytest.raises(ValueError, match=r"logits have shape \(4, 3\), labels .* \(4,"):
        loss(jnp.zeros((4, 3)), jnp.zeros(shape, jnp.int32))


def test_label_smoothing_without_smoothing_is_cross_entropy():
    logits, labels = jnp.array([[0.0, 1.0, 2.0]]), jnp.array([1])
    found = losses.label_smoothing(logits, labels, smoothing=0.0)
    np.testing.assert_array_equal(found, losses.cross_entropy(logits, labels))


def test_a_student_that_is_the_virtual_teacher_has_no_loss():
    designed, labels = jnp.array([[0.05, 0.9, 0.05]]), jnp.array([1])
    value, slope = jax.value_and_grad(
        lambda z: losses.virtual_teacher(z, labels, probability=0.9).sum()
    )(designed / 20)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


@pytest.mark.parametrize("wrong", [-0.1, 1.0])
def test_a_share_outside_zero_to_one_is_named(wrong):
    logits, labels = jnp.zeros((1, 3)), jnp.array([1])
    with pytest.raises(ValueError, match=f"smoothing must be .* got {wrong}"):
        losses.label_smoothing(logits, labels, smoothing=wrong)
    with pytest.raises(ValueError, match=f"probability must be .* got {wrong}"):
        losses.virtual_teacher(logits, labels, probability=wrong)
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        losses.virtual_teacher(logits[:, :1], labels)
