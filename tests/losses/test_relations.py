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
SIZES = jnp.asarray(RANDOM.uniform(0.5, 2, size=(9, 1)), jnp.float32)


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [
        (losses.similarity_preserving, 0.1992025902),  # RepDistiller's Similarity
        (losses.pkt, 0.05891199355),  # RepDistiller's PKT, from its authors
        # torchdistill's kernel of rows of length 1, the distance squared
        (losses.correlation_congruence, 0.05928306096),
    ],
)
def test_the_mean_over_rows_is_what_the_published_code_gives(loss, wanted):
    student = [[0.5, -1, 2], [1.5, 0.25, -0.5], [-1, 0.75, 1], [2, 1, -1.25]]
    teacher = [[1, -0.5], [-0.25, 2], [0.75, 1.5], [-2, 0.5]]
    found = loss(jnp.array(student), jnp.array(teacher)).mean()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["similarity_preserving", "pkt", "correlation_congruence", "cka"]
)
def test_turned_and_scaled_features_have_the_same_similarities(name):
    found = jax.jit(getattr(losses, name))(STUDENT, 3 * STUDENT @ ROTATION)
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("name", ["pkt", "correlation_congruence"])
def test_the_length_of_a_row_does_not_matter_to_cosines(name):
    loss = jax.jit(getattr(losses, name))
    found = loss(SIZES * STUDENT, TEACHER)
    np.testing.assert_allclose(found, loss(STUDENT, TEACHER), rtol=1e-4)
    plain = losses.similarity_preserving(STUDENT, TEACHER)
    scaled = losses.similarity_preserving(SIZES * STUDENT, TEACHER)
    assert not np.allclose(plain, scaled, rtol=1e-2)


def test_cka_lies_between_0_and_1_and_ignores_a_shift():
    cka = jax.jit(losses.cka)
    found = cka(STUDENT, TEACHER)
    assert np.all((found > 0) & (found < 1))
    assert np.unique(found).size == 1
    np.testing.assert_allclose(cka(STUDENT + 100, TEACHER), found, rtol=1e-3)


def test_cka_of_features_that_do_not_vary_is_1_without_a_gradient():
    constant = jnp.full((9, 4), 0.1)
    total = jax.jit(jax.value_and_grad(lambda s: losses.cka(s, TEACHER).sum()))
    value, slope = total(constant)
    assert value == 9 and not np.any(slope)


def test_a_long_series_is_the_gaussian_kernel():
    found = losses.correlation_congruence(STUDENT, TEACHER, order=12)
    kernels = []
    for rows in (np.float64(STUDENT), np.float64(TEACHER)):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        squares = ((rows[:, None] - rows[None]) ** 2).sum(-1)
        kernels.append(np.exp(-0.4 * squares))
    wanted = ((kernels[0] - kernels[1]) ** 2).mean(1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_numbers_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"gamma must be above 0, got 0\.0"):
        losses.correlation_congruence(STUDENT, TEACHER, gamma=0.0)
    with pytest.raises(ValueError, match="order must be a whole number from 1, got 0"):
        losses.correlation_congruence(STUDENT, TEACHER, order=0)
    with pytest.raises(ValueError, match=r"eps must be above 0, got 0\.0"):
        losses.pkt(STUDENT, TEACHER, eps=0.0)
