import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = (
    jnp.asarray(RANDOM.normal(size=(9, w)), jnp.float32) for w in (6, 3)
)
ROTATION = jnp.asarray(np.linalg.qr(RANDOM.normal(size=(6, 6)))[0], jnp.float32)
rkd_distance, rkd_angle = jax.jit(losses.rkd_distance), jax.jit(losses.rkd_angle)
BOTH = pytest.mark.parametrize("loss", [rkd_distance, rkd_angle])


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [(rkd_distance, 0.04069102424), (rkd_angle, 0.04796450894)],
)
def test_the_mean_over_rows_is_what_the_published_code_gives(loss, wanted):
    student = [[0.5, -1, 2], [1.5, 0.25, -0.5], [-1, 0.75, 1], [2, 1, -1.25]]
    teacher = [[1, -0.5], [-0.25, 2], [0.75, 1.5], [-2, 0.5]]
    found = loss(jnp.array(student), jnp.array(teacher)).mean()
    np.testing.assert_allclose(found, wanted, rtol=2e-6)  # RepDistiller's RKDLoss


@BOTH
def test_moved_turned_and_scaled_features_have_the_same_relations(loss):
    moved = 3 * STUDENT @ ROTATION + 2
    np.testing.assert_allclose(loss(STUDENT, moved), 0, atol=1e-6)
    np.testing.assert_allclose(loss(moved, TEACHER), loss(STUDENT, TEACHER), rtol=1e-4)


@BOTH
def test_a_large_common_mean_costs_no_digits(loss):
    still, far = STUDENT.astype(jnp.bfloat16).astype(jnp.float32), 512.0
    found = loss(still + far, TEACHER)
    np.testing.assert_allclose(found, loss(still, TEACHER), rtol=2e-4)


def test_one_stretched_axis_changes_both():
    stretched = STUDENT * jnp.array([[4.0, 1, 1, 1, 1, 1]])
    assert np.all(rkd_distance(STUDENT, stretched) > 1e-3)
    assert np.all(rkd_angle(STUDENT, stretched) > 1e-3)


@BOTH
def test_equal_rows_have_no_distance_no_angle_and_a_finite_gradient(loss):
    twice = jnp.concatenate([STUDENT, STUDENT[:2]])
    theirs = jnp.concatenate([TEACHER, TEACHER[:2]])
    again = jnp.concatenate([TEACHER, TEACHER[:2] + 0.5])
    slope = jax.jit(jax.grad(lambda s, t: loss(s, t).sum()))
    assert np.all(np.isfinite(slope(twice, again)))
    np.testing.assert_allclose(loss(twice, 2 * twice), 0, atol=1e-6)
    assert np.any(loss(twice, again) != loss(twice, theirs))
    constant = jnp.full((5, 4), 0.1)
    assert np.all(np.isfinite(loss(constant, TEACHER[:5])))
    assert not np.any(slope(constant, TEACHER[:5]))


def test_features_of_any_shape_are_rows():
    maps = STUDENT.reshape(9, 1, 2, 3)
    found = rkd_distance(maps, TEACHER)
    np.testing.assert_allclose(found, rkd_distance(STUDENT, TEACHER), rtol=1e-6)


def test_pairs_of_equal_rows_count_in_the_mean_distance():
    student = [[0.5, -1, 2], [1.5, 0.25, -0.5], [0.5, -1, 2], [2, 1, -1.25]]
    teacher = [[1, -0.5], [-0.25, 2], [0.75, 1.5], [0.75, 1.5]]
    found = rkd_distance(jnp.array(student), jnp.array(teacher)).mean()
    np.testing.assert_allclose(found, 0.2929372187, rtol=2e-6)  # RepDistiller's RKDLoss
