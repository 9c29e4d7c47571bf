"""What some classes of a distribution say of the whole."""

import inspect
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.typing import SparseTarget
from tests.losses.members._member import log_softmax, normal

ROWS, CLASSES = 40, 6
KL, CROSS = map(jax.jit, (losses.sparse_kl, losses.sparse_soft_cross_entropy))


@pytest.fixture
def both():
    random = np.random.default_rng(3)
    return [jnp.asarray(normal(random, ROWS, CLASSES, scale=3.0)) for _ in range(2)]


def largest(teacher, k):
    log_p = log_softmax(teacher)
    ids = np.argsort(-log_p, axis=-1)[:, :k].astype(np.int32)
    kept, rest = (np.take_along_axis(log_p, x, -1) for x in (ids, others(ids)))
    tail = np.log(np.exp(rest).sum(-1)) if rest.size else np.full(len(log_p), -np.inf)
    return SparseTarget(*map(jnp.asarray, (ids, kept, tail)))


def others(ids):
    rows = [[c for c in range(CLASSES) if c not in row] for row in ids.tolist()]
    return np.array(rows, int).reshape(len(ids), -1)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_with_a_tail_it_is_a_lower_bound_that_more_classes_raise(both, temperature):
    student, teacher = both
    numbers = {"temperature": temperature}
    whole = jax.jit(losses.kl)(student, teacher, **numbers)
    found = [
        KL(student, largest(teacher / temperature, k), **numbers)
        for k in (1, 3, CLASSES)
    ]
    for fewer, more in itertools.pairwise([0 * whole, *found, whole]):
        assert np.all(more >= fewer - 1e-5)
    assert np.mean(found[0]) < 0.97 * np.mean(whole)
    np.testing.assert_allclose(found[-1], whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tail", ["none", "empty"])
def test_all_classes_give_the_gradient_of_all(both, tail):
    student, teacher = both
    target = largest(teacher, CLASSES)
    if tail == "none":
        target = target._replace(log_tail=None)
    found = jax.grad(lambda z: KL(z, target).sum())(student)
    wanted = jax.grad(lambda z: losses.kl(z, teacher).sum())(student)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_renormalised_classes_have_a_floor_that_the_teacher_itself_stands_above(both):
    _, teacher = both
    target = largest(teacher, 2)
    mass = np.exp(np.float64(target.log_p)).sum(-1)
    target = SparseTarget(target.ids, target.log_p - np.log(mass)[:, None])
    at_teacher = KL(teacher, target)
    np.testing.assert_allclose(at_teacher, -np.log(mass), rtol=1e-4, atol=1e-6)
    slope = jax.grad(lambda z: KL(z, target).sum())(teacher)
    # towards the classes named, and as strongly as the mass that is missing
    missing = np.take_along_axis(np.asarray(-slope), np.asarray(target.ids), -1).sum(-1)
    np.testing.assert_allclose(missing, 1 - mass, rtol=1e-3, atol=1e-6)


def draws_of(ids, classes):
    """Classes drawn in some order as ids and their shares, padded."""
    counts = np.bincount(ids, minlength=classes)
    found = np.flatnonzero(counts)
    fill = len(ids) - len(found)
    shares = np.log(counts[found] / len(ids))
    return np.pad(found, (0, fill), constant_values=-1), np.pad(shares, (0, fill))


def test_drawn_classes_have_on_average_the_gradient_of_all():
    """Over every sequence of four draws from three classes."""
    student, teacher = np.array([[0.3, -1.0, 0.8]]), np.array([[1.0, 0.2, -1.5]])
    log_p = log_softmax(teacher)[0]
    slope = jax.jit(jax.value_and_grad(lambda z, t: CROSS(z, t).sum()))
    value, found = 0.0, np.zeros((1, 3))
    for ids in itertools.product(range(3), repeat=4):
        chance = math.exp(log_p[list(ids)].sum())
        target = SparseTarget(*(jnp.asarray(x[None]) for x in draws_of(ids, 3)))
        one, gradient = slope(jnp.asarray(student, jnp.float32), target)
        value += chance * one
        found += chance * np.asarray(gradient)
    p, q = np.exp(log_p), np.exp(log_softmax(student)[0])
    np.testing.assert_allclose(found[0], q - p, atol=1e-6)
    assert value == pytest.approx(-(p * np.log(q)).sum(), rel=1e-6)


def test_kl_and_cross_entropy_differ_by_what_the_student_cannot_change(both):
    student, teacher = both
    target = largest(teacher, 3)
    slopes = [jax.grad(lambda z, f=f: f(z, target).sum())(student) for f in (KL, CROSS)]
    np.testing.assert_allclose(*slopes, rtol=1e-4, atol=1e-6)


def test_a_tail_that_the_student_all_but_excludes_has_its_gradient():
    """1 - sum would be 0 in float32, and its logarithm -inf."""
    student = jnp.array([[60.0, 0.0, 1.0, 2.0]])
    target = SparseTarget(
        jnp.array([[0]]), jnp.log(jnp.array([[0.7]])), jnp.log(jnp.array([0.3]))
    )
    found = CROSS(student, target)
    rest = np.log(np.exp([0.0, 1.0, 2.0]).sum()) - 60
    np.testing.assert_allclose(found, [-0.3 * rest], rtol=1e-6)
    slope = jax.grad(lambda z: KL(z, target).sum())(student)[0]
    shares = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    np.testing.assert_allclose(slope, [0.3, *(-0.3 * shares)], rtol=1e-5)


def test_places_without_a_class_add_nothing(both):
    student, teacher = both
    for target in (largest(teacher, 2), largest(teacher, 2)._replace(log_tail=None)):
        fill = [(0, 0), (0, 3)]
        more = target._replace(
            ids=jnp.pad(target.ids, fill, constant_values=-1),
            log_p=jnp.pad(target.log_p, fill, constant_values=-np.inf),
        )
        for loss in (KL, CROSS):
            np.testing.assert_allclose(
                loss(student, more), loss(student, target), rtol=1e-6
            )
            slope = jax.grad(lambda z, t, f=loss: f(z, t).sum())
            np.testing.assert_allclose(
                slope(student, more), slope(student, target), rtol=1e-5, atol=1e-7
            )


def test_a_class_that_the_student_does_not_have_gives_nan(both):
    student, teacher = both
    target = largest(teacher, 2)
    target = target._replace(ids=target.ids.at[5, 1].set(CLASSES))
    found = KL(student, target)
    assert np.array_equal(np.isnan(found), np.arange(ROWS) == 5)


def test_a_target_that_does_not_fit_is_named_with_its_shapes(both):
    student, teacher = both
    target = largest(teacher, 2)
    for wrong in (
        jax.tree.map(lambda x: x[:3], target),
        target._replace(log_p=target.log_p[:, :1]),
        target._replace(log_tail=target.log_tail[:, None]),
    ):
        with pytest.raises(ValueError, match=r"the student has shape \(40, 6\), the"):
            losses.sparse_kl(student, wrong)


def test_arrays_of_numpy_are_as_good():
    target = SparseTarget(np.array([[2]]), np.log([[0.75]]), np.log([0.25]))
    logits = np.array([[0.5, 1.0, 2.0, 0.0]], np.float32)
    found = inspect.unwrap(losses.sparse_kl)(logits, target)  # unchecked, as users run
    np.testing.assert_array_equal(found, losses.sparse_kl(jnp.asarray(logits), target))
