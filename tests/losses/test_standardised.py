import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from tests.losses.members._examples import BOTH

STUDENT, TEACHER = (jnp.asarray(logits, jnp.float32) for logits in BOTH)


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ({}, 0.7036941939),
        ({"gamma": 0.0}, 0.4065771780),
        ({"beta": 0.0}, 0.2971170159),
        ({"beta": 2.0, "gamma": 0.5, "temperature": 4.0}, 11.8389861143),
    ],
)
def test_the_mean_of_dist_is_what_the_authors_program_gives(numbers, wanted):
    found = losses.dist(STUDENT, TEACHER, **numbers).mean()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_the_mean_of_dist_is_one_minus_pearsons_correlations():
    p, q = (
        np.asarray(jax.nn.softmax(logits), np.float64) for logits in (TEACHER, STUDENT)
    )
    inter = [1 - np.corrcoef(p[i], q[i])[0, 1] for i in range(3)]
    intra = [1 - np.corrcoef(p[:, c], q[:, c])[0, 1] for c in range(4)]
    found = losses.dist(STUDENT, TEACHER, beta=3.0, gamma=5.0).mean()
    wanted = 3 * np.mean(inter) + 5 * np.mean(intra)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_dist_of_one_row_relates_its_classes_only():
    first = STUDENT[:1], TEACHER[:1]
    found = losses.dist(*first)
    np.testing.assert_allclose(found, losses.dist(*first, gamma=0.0), rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e4])
@pytest.mark.parametrize("name", ["dist", "logit_standardization"])
def test_logits_that_do_not_vary_get_no_gradient_from_rounding(name, constant):
    loss = getattr(losses, name)
    even = jnp.full((3, 7), constant)
    teacher = jnp.asarray(np.random.default_rng(0).normal(size=(3, 7)), jnp.float32)
    slope = jax.grad(lambda s: loss(s, teacher).sum())(even)
    assert np.all(slope == 0)
    assert np.all(loss(even, even) == 0)


def test_logit_standardisation_ignores_the_scale_and_shift_of_either_side():
    still = losses.logit_standardization(STUDENT, TEACHER)
    moved = losses.logit_standardization(50 * STUDENT + 7, 0.01 * TEACHER - 3)
    np.testing.assert_allclose(moved, still, rtol=1e-3, atol=1e-5)
    slope = jax.grad(lambda s: losses.logit_standardization(s, TEACHER).sum())(STUDENT)
    np.testing.assert_allclose((slope * STUDENT).sum(1), 0, atol=1e-5)
