import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jdistill import losses

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = jnp.asarray(RANDOM.normal(size=(2, 4, 3, 5)), jnp.float32)


def test_a_unit_beyond_the_margin_on_the_teachers_side_costs_nothing():
    side = jnp.where(TEACHER > 0, 1.0, -1.0)
    assert not np.any(losses.activation_boundary(1.5 * side, TEACHER, margin=1.5))
    assert np.all(losses.activation_boundary(1.4 * side, TEACHER, margin=1.5) > 0)
    assert np.all(losses.activation_boundary(-side, TEACHER) == 4 * 15)


def test_only_the_side_of_the_teacher_matters_to_a_boundary():
    still = losses.activation_boundary(STUDENT, TEACHER)
    assert np.array_equal(still, losses.activation_boundary(STUDENT, 9 * TEACHER))


def test_a_student_below_a_silent_teacher_is_left_alone():
    silent, below = jnp.full((1, 3), -1.0), jnp.full((1, 3), -5.0)
    assert losses.ofd(below, silent, margin=-2.0) == 0
    assert losses.ofd(jnp.zeros((1, 3)), silent, margin=-2.0) == 3
    assert losses.ofd(below, jnp.full((1, 3), 1.0), margin=-2.0) == 3 * 36


def test_the_margin_is_each_channels_own():
    margin = (-0.1, -0.2, -0.3, -0.4, -0.5)
    whole = losses.ofd(STUDENT, TEACHER, margin=margin)
    parts = [
        losses.ofd(STUDENT[..., c : c + 1], TEACHER[..., c : c + 1], margin=m)
        for c, m in enumerate(margin)
    ]
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-5)


def test_the_margin_is_the_mean_of_what_is_negative():
    ratios = np.array([-40.0, -3.0, -0.2, 0.0, 0.5, 2.0, 2.999, 3.001, 3.5, 6.0, 30.0])
    for std in (0.3, 7.0):
        wanted = stats.truncnorm.mean(-np.inf, -ratios, loc=ratios * std, scale=std)
        found = losses.ofd_margin(jnp.array(ratios * std), jnp.full(11, std))
        np.testing.assert_allclose(found, wanted, rtol=2e-5)


def test_the_margin_of_a_channel_that_is_hardly_ever_negative_is_small_and_finite():
    mean = jnp.array([1e2, 1e4, 1e8, 1e30])
    found = losses.ofd_margin(mean, jnp.ones(4))
    np.testing.assert_allclose(found, -1 / mean, rtol=1e-3)


def test_the_margin_is_what_samples_say():
    samples = RANDOM.normal(0.7, 2.0, size=200_000)
    found = losses.ofd_margin(jnp.array([0.7]), jnp.array([-2.0]))
    assert found[0] == pytest.approx(samples[samples < 0].mean(), rel=0.01)


def test_the_margin_of_a_channel_without_spread_is_its_mean_where_negative():
    found = losses.ofd_margin(jnp.array([2.0, -3.0, 0.0]), jnp.zeros(3))
    assert np.array_equal(found, [0.0, -3.0, 0.0])


def test_the_margin_has_a_finite_gradient_everywhere():
    means = jnp.tile(jnp.array([-1e4, 0.0, 3.0, 1e4]), 3)
    stds = jnp.repeat(jnp.array([0.0, 1e-6, 1.0]), 4)
    slope = jax.grad(lambda m, s: losses.ofd_margin(m, s).sum(), argnums=(0, 1))
    assert np.all(np.isfinite(jax.jit(slope)(means, stds)))


@pytest.mark.parametrize(
    ("loss", "numbers", "said"),
    [
        ("activation_boundary", {"margin": 0.0}, "margin must be above 0, got 0.0"),
        ("ofd", {"margin": 0.5}, "margin must be 0 or below, got 0.5"),
        ("ofd", {"margin": (-1.0, 0.5, 0.0, 0.0, 0.0)}, "margin must be 0 or below"),
        (
            "ofd",
            {"margin": (-1.0, -2.0)},
            r"margin has shape \(2,\), the features \(4, 3, 5\): .* one for each of 5",
        ),
    ],
)
def test_a_wrong_margin_is_named(loss, numbers, said):
    with pytest.raises(ValueError, match=said):
        inspect.unwrap(getattr(losses, loss))(STUDENT, TEACHER, **numbers)


def test_a_traced_margin_is_not_checked():
    found = jax.jit(lambda m: losses.ofd(STUDENT, TEACHER, margin=m))(-0.5)
    wanted = losses.ofd(STUDENT, TEACHER, margin=-0.5)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
