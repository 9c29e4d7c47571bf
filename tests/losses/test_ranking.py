import jax
import jax.numpy as jnp
import numpy as np

from jdistill import losses

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 8, 5)), jnp.float32
)


def test_only_the_order_of_the_teachers_logits_matters():
    for loss in (losses.hinge_ranking, losses.logistic_ranking):
        still = loss(STUDENT, TEACHER)
        np.testing.assert_array_equal(still, loss(STUDENT, jnp.exp(3 * TEACHER)))


def test_a_student_in_the_teachers_order_has_no_hinge_beyond_the_margin():
    order = jnp.argsort(jnp.argsort(TEACHER, axis=-1), axis=-1).astype(jnp.float32)
    assert not np.any(losses.hinge_ranking(order, TEACHER, margin=1.0))
    assert np.all(losses.hinge_ranking(order, TEACHER, margin=1.1) > 0)


def test_equal_logits_satisfy_a_margin_of_zero_and_do_not_move():
    slope = jax.grad(lambda s: losses.hinge_ranking(s, TEACHER).sum())(0 * STUDENT)
    assert not np.any(slope)
    slope = jax.grad(lambda s: losses.logistic_ranking(s, TEACHER).sum())(0 * STUDENT)
    assert np.any(slope)


def test_a_teacher_without_an_order_gives_zero_and_no_gradient():
    for loss in (losses.hinge_ranking, losses.logistic_ranking):
        value, slope = jax.value_and_grad(lambda s, f=loss: f(s, 0 * s).sum())(STUDENT)
        assert value == 0 and not np.any(slope)
