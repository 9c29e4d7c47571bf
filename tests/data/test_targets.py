import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import data, losses
from jdistill.typing import SparseTarget

KEY = jax.random.key(0)


def taken(rule, z):
    return jax.jit(rule.take)(z, KEY)


def log_softmax(z):
    z = np.asarray(z, np.float64)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def test_the_largest_and_the_tail_equal_their_sums_in_float64():
    z = np.random.default_rng(0).normal(scale=4, size=(5, 7, 30)).astype(np.float32)
    found = taken(data.top_k(k=4), jnp.asarray(z))
    log_p = np.sort(log_softmax(z), axis=-1)[..., ::-1]
    np.testing.assert_allclose(found.log_p, log_p[..., :4], rtol=1e-5, atol=1e-6)
    rest = np.log(np.exp(log_p[..., 4:]).sum(-1))
    np.testing.assert_allclose(found.log_tail, rest, rtol=1e-5)
    assert np.array_equal(found.ids, np.argsort(-z, axis=-1)[..., :4])


def test_a_tail_below_the_last_digit_of_one_is_exact():
    """1 minus the sum of the others would be 0, or a rounding error."""
    z = jnp.array([[0.0, -0.5, -30.0, -31.0, -29.0]])
    found = taken(data.top_k(k=2), z)
    wanted = np.log(np.exp(log_softmax(z))[:, 2:].sum(-1))
    np.testing.assert_allclose(found.log_tail, wanted, rtol=1e-6)
    assert wanted < -28


def test_equal_logits_and_left_out_classes_are_counted_once():
    z = jnp.array([[1.0, 1.0, 1.0, 1.0], [0.0, -jnp.inf, -jnp.inf, -jnp.inf]])
    found = taken(data.top_k(k=3), z)
    np.testing.assert_allclose(found.log_tail[0], np.log(0.25), rtol=1e-6)
    assert found.ids[1].tolist() == [0, -1, -1] and np.isneginf(found.log_tail[1])
    every = taken(data.top_k(k=4), z)
    assert np.isneginf(every.log_tail).all()


def test_draws_are_shares_of_different_classes():
    z = jnp.asarray(np.random.default_rng(1).normal(size=(50, 40)))
    found = taken(data.random_sampled(draws=9), z)
    shares = np.exp(found.log_p)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(9 * shares, np.round(9 * shares), atol=1e-5)
    for row in np.asarray(found.ids):
        real = row[row >= 0]
        assert len(set(real.tolist())) == len(real) > 1
    p = np.exp(log_softmax(z))
    wanted = (1 - (1 - p) ** 9).sum(-1).mean()
    assert (found.ids >= 0).sum(-1).mean() == pytest.approx(wanted, rel=0.05)


ROWS = 20_000


@pytest.mark.parametrize(("tau", "bias"), [(1.0, 0.0), (0.7, 0.02)])
def test_the_gradient_of_drawn_classes_is_that_of_all_on_average(tau, bias):
    """Each entry within five deviations of its mean; other draws have a small bias."""
    random = np.random.default_rng(2)
    teacher, student = random.normal(size=(2, 12)) * 1.5
    rule = data.random_sampled(draws=8, tau=tau)

    @jax.jit
    def mean(key):
        target = rule.take(jnp.broadcast_to(teacher, (ROWS, 12)), key)
        z = jnp.broadcast_to(student, (ROWS, 12))
        loss = losses.sparse_soft_cross_entropy
        slopes = jax.grad(lambda z: loss(z, target).sum())(z)
        return slopes.mean(0), slopes.std(0)

    found, deviation = mean(jax.random.key(7))
    p, q = (np.exp(log_softmax(z)) for z in (teacher, student))
    allowed = 5 * np.asarray(deviation) / ROWS**0.5 + bias
    assert np.all(np.abs(found - (q - p)) < allowed)
    assert np.abs(q - p).max() > 0.2


def test_a_class_without_probability_is_never_drawn():
    z = jnp.where(jnp.arange(64) % 2 == 0, 0.0, -jnp.inf)
    found = data.random_sampled(draws=200).take(jnp.broadcast_to(z, (100, 64)), KEY)
    real = np.asarray(found.ids)[np.asarray(found.ids) >= 0]
    assert np.all(real % 2 == 0) and len(set(real.tolist())) == 32


@pytest.mark.parametrize("rule", [data.top_k(k=2), data.random_sampled(draws=3)])
def test_what_is_no_number_stays_so(rule):
    found = taken(rule, jnp.array([[0.0, 1.0, 2.0], [0.0, jnp.nan, 1.0]]))
    assert np.isnan(found.log_p).any(-1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.top_k(k=0), "k must be at least 1, got 0"),
        (
            lambda: data.top_k(k=4).take(jnp.zeros((1, 3)), KEY),
            "k=4 of a vocabulary of 3",
        ),
        (lambda: data.random_sampled(draws=0), "draws must be 1 to 65535, got 0"),
        (lambda: data.random_sampled(tau=0.0), "tau must be above 0 and finite"),
    ],
)
def test_numbers_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_kept_is_a_target_that_losses_take():
    z = jnp.asarray(np.random.default_rng(0).normal(size=(4, 9)), jnp.float32)
    whole = losses.kl(jnp.zeros((4, 9)), z)
    found = taken(data.top_k(k=9), z)
    assert isinstance(found, SparseTarget)
    np.testing.assert_allclose(
        losses.sparse_kl(jnp.zeros((4, 9)), found), whole, rtol=1e-4, atol=1e-6
    )


def test_equal_logits_keep_the_lowest_id_and_zero_has_no_sign():
    z = jnp.array([[-0.0, 0.0, -0.0, -1.0], [-1.0, -0.0, 0.0, 0.0]])
    found = data.top_k(k=2).take(z, None)
    assert found.ids.tolist() == [[0, 1], [1, 2]]
