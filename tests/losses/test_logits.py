import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 8, 5)), jnp.float32
)


def test_kl_runs_from_teacher_to_student():
    certain, even = jnp.array([[30.0, 0.0]]), jnp.zeros((1, 2))
    assert losses.kl(certain, even)[0] > 10  # the student misses what the teacher has
    assert losses.kl(even, certain)[0] < 1


@pytest.mark.parametrize("below", [-1e4, -1e9, -3e38])
def test_a_class_that_the_teacher_leaves_out_adds_nothing_of_its_own(below):
    student, teacher = STUDENT, TEACHER.at[:, 1].set(below)
    p, q = (np.float64(jax.nn.softmax(z)) for z in (teacher, student))
    log_p = np.log(np.where(p > 0, p, 1))
    wanted = np.sum(p * (log_p - np.log(q)), axis=-1)
    np.testing.assert_allclose(losses.kl(student, teacher), wanted, rtol=1e-4)
    wanted = np.sum(p * (log_p - np.log(0.1 * p + 0.9 * q)), axis=-1)
    np.testing.assert_allclose(losses.skewed_kl(student, teacher), wanted, rtol=1e-4)


def test_soft_cross_entropy_is_kl_plus_the_teachers_entropy():
    for temperature in (1.0, 3.0):
        entropy = losses.soft_cross_entropy(TEACHER, TEACHER, temperature=temperature)
        whole = losses.soft_cross_entropy(STUDENT, TEACHER, temperature=temperature)
        part = losses.kl(STUDENT, TEACHER, temperature=temperature)
        np.testing.assert_allclose(whole, part + entropy, rtol=1e-4)


def test_soft_cross_entropy_and_kl_have_one_gradient_in_the_student():
    slopes = [
        jax.grad(lambda s, loss=loss: loss(s, TEACHER, temperature=2.0).sum())(STUDENT)
        for loss in (losses.kl, losses.soft_cross_entropy)
    ]
    np.testing.assert_allclose(*slopes, atol=1e-5)


def test_a_gradient_reaches_the_teacher_where_one_is_asked_for():
    slope = jax.grad(lambda t: losses.kl(STUDENT, t).sum())(TEACHER)
    assert np.any(slope)


def test_kl_at_a_high_temperature_matches_centred_logits():
    wanted = STUDENT - STUDENT.mean(-1, keepdims=True)
    wanted -= TEACHER - TEACHER.mean(-1, keepdims=True)
    found = jax.grad(lambda s: losses.kl(s, TEACHER, temperature=1e3).sum())(STUDENT)
    np.testing.assert_allclose(found, wanted / STUDENT.shape[-1], atol=2e-3)


def test_logit_mse_is_twice_the_limit_of_kl_where_the_means_are_equal():
    ours, theirs = (z - z.mean(-1, keepdims=True) for z in (STUDENT, TEACHER))
    slopes = [
        jax.grad(lambda s, f=loss: f(s).sum())(ours)
        for loss in (
            lambda s: losses.logit_mse(s, theirs) / 2,
            lambda s: losses.kl(s, theirs, temperature=1e3),
        )
    ]
    np.testing.assert_allclose(*slopes, atol=2e-3)


def test_the_gradient_of_the_distance_of_logits_has_length_one():
    slope = jax.grad(lambda s: losses.logit_euclidean(s, TEACHER).sum())
    for far in (1.0, 100.0):
        lengths = jnp.linalg.norm(slope(TEACHER + far * STUDENT), axis=-1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_the_squared_distance_of_logits_is_their_mean_square_times_the_classes():
    found = losses.logit_euclidean(STUDENT, TEACHER) ** 2
    np.testing.assert_allclose(found, 5 * losses.logit_mse(STUDENT, TEACHER), 1e-5)
