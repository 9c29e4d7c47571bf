import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = jnp.asarray(RANDOM.normal(size=(2, 4, 5, 6)), jnp.float32)


def test_fitnet_is_mgd_over_the_number_of_elements():
    mean, total = (loss(STUDENT, TEACHER) for loss in (losses.fitnet, losses.mgd))
    np.testing.assert_allclose(30 * mean, total, rtol=1e-5)


def test_fitnet_leaves_padded_tokens_out_whatever_they_hold():
    mask = jnp.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], jnp.float32)
    student = STUDENT[:2].at[0, 3:].set(jnp.nan)

    def total(student):
        return losses.fitnet(student, TEACHER[:2], token_mask=mask).sum()

    found = losses.fitnet(student, TEACHER[:2], token_mask=mask)
    wanted = [
        losses.fitnet(STUDENT[i : i + 1, :n], TEACHER[i : i + 1, :n])[0]
        for i, n in enumerate((3, 5))
    ]
    np.testing.assert_allclose(found, jnp.stack(wanted), rtol=1e-5)
    clean = jax.grad(total)(student)
    assert not np.any(clean[0, 3:]) and np.all(clean[0, :3])


def test_fitnet_of_an_example_without_tokens_is_zero():
    mask = jnp.zeros((4, 5))
    assert not np.any(losses.fitnet(STUDENT, TEACHER, token_mask=mask))


def test_fitnet_reads_a_mask_of_tokens_only_where_features_have_tokens():
    pooled = STUDENT.mean(1), TEACHER.mean(1)
    masked = losses.fitnet(*pooled, token_mask=jnp.zeros((4, 5)))
    assert np.array_equal(masked, losses.fitnet(*pooled))
    with pytest.raises(ValueError, match=r"token_mask has shape \(4, 3\), the feat"):
        losses.fitnet(STUDENT, TEACHER, token_mask=jnp.zeros((4, 3)))


def test_cosine_sees_directions_alone():
    scaled = losses.cosine(7 * STUDENT, 0.1 * TEACHER)
    np.testing.assert_allclose(scaled, losses.cosine(STUDENT, TEACHER), atol=1e-6)
    np.testing.assert_allclose(losses.cosine(-STUDENT, STUDENT), 2.0, rtol=1e-6)


def test_cosine_of_a_vector_of_zeros_is_one_with_gradient_zero():
    zero = jnp.zeros((1, 3))
    assert losses.cosine(zero, jnp.ones((1, 3))) == 1
    assert not np.any(jax.grad(lambda s: losses.cosine(s, s + 1).sum())(zero))


def test_factors_are_compared_without_their_length():
    scaled = losses.factor_transfer(3 * STUDENT, TEACHER)
    np.testing.assert_allclose(scaled, losses.factor_transfer(STUDENT, TEACHER), 1e-5)


def test_equal_factors_cost_nothing_and_their_gradient_is_zero_beyond_p_1():
    assert np.all(losses.factor_transfer(TEACHER, TEACHER) < 1e-6)
    slope = jax.grad(lambda s: losses.factor_transfer(s, TEACHER, p=2).sum())(TEACHER)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (1, 6), (4, 1, 6), (1, 1, 1), (4, 5, 6)])
def test_vid_takes_a_variance_of_any_axes_of_the_mean(shape):
    raw = jnp.asarray(RANDOM.normal(size=shape), jnp.float32)
    whole = jnp.broadcast_to(raw, STUDENT.shape)
    np.testing.assert_allclose(
        losses.vid((STUDENT, raw), TEACHER), losses.vid((STUDENT, whole), TEACHER), 1e-5
    )


def test_vid_is_least_where_the_variance_is_the_squared_error():
    off = jnp.full((1, 1), 0.5)
    raws = jnp.linspace(-4.0, 2.0, 601)
    values = [losses.vid((off, raw[None]), jnp.zeros((1, 1)))[0] for raw in raws[::20]]
    best = raws[::20][int(np.argmin(values))]
    assert jax.nn.softplus(best) == pytest.approx(0.25, rel=0.1)


def test_pad_l2_with_a_variance_of_one_is_fitnet():
    ones = jnp.zeros((1, 1, 1))
    found = losses.pad_l2((STUDENT, ones), TEACHER)
    np.testing.assert_allclose(found, losses.fitnet(STUDENT, TEACHER), rtol=1e-5)


def test_pad_l2_is_twice_the_nats_of_vid_at_the_same_variance():
    raw = jnp.asarray(RANDOM.normal(size=STUDENT.shape), jnp.float32)
    logarithm = jnp.log(jax.nn.softplus(raw))
    found = losses.pad_l2((STUDENT, logarithm), TEACHER, eps=1e-9)
    nats = losses.vid((STUDENT, raw), TEACHER, eps=1e-9)
    np.testing.assert_allclose(found, 2 * nats, rtol=1e-4)


def test_pad_l2_is_least_where_the_variance_is_the_squared_error_of_the_example():
    apart = jnp.array([[0.5], [2.0]])

    def total(logarithm):
        return losses.pad_l2((apart, logarithm), jnp.zeros((2, 1)), eps=1e-9).sum()

    for factor in (0.25, 4.0):
        assert total(jnp.log(factor * apart**2)) > total(jnp.log(apart**2))
    np.testing.assert_allclose(jax.grad(total)(jnp.log(apart**2)), 0, atol=1e-5)


def test_pad_l2_hears_less_of_an_example_with_a_larger_variance():
    def slope(logarithm):
        spread = jnp.full((4, 1, 1), logarithm)
        return jax.grad(lambda s: losses.pad_l2((s, spread), TEACHER).sum())(STUDENT)

    np.testing.assert_allclose(slope(0.0), 8 * slope(np.log(8)), rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "arguments", "numbers", "said"),
    [
        ("factor_transfer", (STUDENT, TEACHER), {"p": 0.5}, "p must be 1 or more"),
        (
            "factor_transfer",
            (STUDENT, TEACHER[:1]),
            {},
            r"student has shape \(4, 5, 6\), teacher \(1, 5, 6\)",
        ),
        (
            "vid",
            ((STUDENT, jnp.zeros(3)), TEACHER),
            {},
            r"raw variance has shape \(1, 1, 3\), the mean \(4, 5, 6\)",
        ),
        (
            "vid",
            ((STUDENT[:, 1:], jnp.zeros(6)), TEACHER),
            {},
            r"student has shape \(4, 4, 6\), teacher \(4, 5, 6\)",
        ),
        ("vid", ((STUDENT, jnp.zeros(6)), TEACHER), {"eps": 0.0}, "eps must be above"),
        (
            "pad_l2",
            ((STUDENT, jnp.zeros(3)), TEACHER),
            {},
            r"log variance has shape \(1, 1, 3\), the mean \(4, 5, 6\)",
        ),
        (
            "pad_l2",
            ((STUDENT[:, 1:], jnp.zeros(6)), TEACHER),
            {},
            r"student has shape \(4, 4, 6\), teacher \(4, 5, 6\)",
        ),
        ("pad_l2", ((STUDENT, jnp.zeros(6)), TEACHER), {"eps": 0.0}, "eps must be"),
        (
            "vid",
            (STUDENT, TEACHER),
            {},
            r"student is one array of shape \(4, 5, 6\).*projections\.gaussian",
        ),
        (
            "pad_l2",
            (STUDENT, TEACHER),
            {},
            r"student is one array of shape \(4, 5, 6\).*variance_branch",
        ),
    ],
)
def test_what_does_not_fit_is_named(loss, arguments, numbers, said):
    with pytest.raises(ValueError, match=said):
        inspect.unwrap(getattr(losses, loss))(*arguments, **numbers)
