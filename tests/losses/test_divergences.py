import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 8, 5)), jnp.float32
)
CERTAIN, OPPOSITE = jnp.array([[1e4, 0.0, 0.0]]), jnp.array([[0.0, 1e4, 0.0]])


def test_reverse_kl_is_kl_with_the_two_exchanged():
    np.testing.assert_allclose(
        losses.reverse_kl(STUDENT, TEACHER), losses.kl(TEACHER, STUDENT), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("beta", "limit"), [(1e-3, losses.kl), (1 - 1e-3, losses.reverse_kl)]
)
def test_jsd_over_the_smaller_share_tends_to_kl_and_to_reverse_kl(beta, limit):
    found = losses.jsd(STUDENT, TEACHER, beta=beta) / min(beta, 1 - beta)
    np.testing.assert_allclose(found, limit(STUDENT, TEACHER), rtol=0.03)


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.1, float("nan")])
def test_jsd_refuses_its_limits_and_names_them(beta):
    with pytest.raises(ValueError, match=rf"beta must be above 0 .* {beta}"):
        losses.jsd(STUDENT, TEACHER, beta=beta)


def test_jsd_is_bounded_and_symmetric_at_a_half():
    np.testing.assert_allclose(losses.jsd(CERTAIN, OPPOSITE), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(
        losses.jsd(STUDENT, TEACHER), losses.jsd(TEACHER, STUDENT), rtol=1e-5
    )
    entropy = -0.1 * np.log(0.1) - 0.9 * np.log(0.9)
    found = losses.jsd(CERTAIN, OPPOSITE, beta=0.1)
    np.testing.assert_allclose(found, entropy, rtol=1e-5)


def test_total_variation_is_a_distance_of_at_most_one():
    there = losses.total_variation(STUDENT, TEACHER)
    assert losses.total_variation(CERTAIN, OPPOSITE)[0] == 1
    np.testing.assert_allclose(there, losses.total_variation(TEACHER, STUDENT))
    by_way = losses.total_variation(STUDENT, -TEACHER)
    by_way += losses.total_variation(-TEACHER, TEACHER)
    assert np.all(there <= by_way)
    assert np.all(2 * there**2 <= losses.kl(STUDENT, TEACHER))  # Pinsker


def test_a_class_on_which_both_agree_does_not_pull_on_total_variation():
    student, teacher = jnp.array([[0.0, 1.0, 2.0]]), jnp.array([[1.0, 0.0, 2.0]])
    found = jax.grad(lambda s: losses.total_variation(s, teacher).sum())(student)
    q = np.asarray(jax.nn.softmax(student), np.float64)
    pull = np.array([[-0.5, 0.5, 0.0]])
    wanted = q * (pull - (pull * q).sum())
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_gradient_of_total_variation_grows_with_the_temperature():
    def size(temperature):
        slope = jax.grad(
            lambda s: losses.total_variation(s, TEACHER, temperature=temperature).sum()
        )(STUDENT)
        return jnp.linalg.norm(slope)

    assert size(100.0) / size(20.0) == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(
    ("skewed", "plain"),
    [
        (losses.skewed_kl, losses.kl),
        (losses.skewed_reverse_kl, losses.reverse_kl),
    ],
)
def test_without_skew_the_skewed_divergences_are_the_plain_ones(skewed, plain):
    for gradient in (lambda f: f, jax.grad):
        found = gradient(lambda s: skewed(s, TEACHER, alpha=0.0).sum())(STUDENT)
        wanted = gradient(lambda s: plain(s, TEACHER).sum())(STUDENT)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("skewed", [losses.skewed_kl, losses.skewed_reverse_kl])
def test_a_skew_bounds_the_divergence(skewed):
    found = skewed(OPPOSITE, CERTAIN, alpha=0.1)
    np.testing.assert_allclose(found, -np.log(0.1), rtol=1e-5)
    for alpha in (-0.1, 1.0):
        with pytest.raises(ValueError, match=f"alpha must be .* got {alpha}"):
            skewed(STUDENT, TEACHER, alpha=alpha)
