import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 8, 12)), jnp.float32
)
rd = jax.jit(losses.rd, static_argnames=("k", "lam", "mu"))
rrd = jax.jit(losses.rrd, static_argnames="k")
LOSSES = pytest.mark.parametrize("loss", [rd, rrd], ids=["rd", "rrd"])


@functools.partial(jax.jit, static_argnames=("loss", "k"))
def value_and_slope(loss, student, teacher, k):
    return jax.value_and_grad(lambda s: loss(s, teacher, k=k).sum())(student)


def test_rrd_is_a_distribution_over_the_teachers_orders():
    """The probabilities of all orders of the first three of five items add up to 1."""
    student, chances = STUDENT[:1, :5], []
    for first in itertools.permutations(range(5), 3):
        teacher = jnp.zeros((1, 5)).at[0, jnp.array(first)].set(jnp.array([3.0, 2, 1]))
        chances.append(jnp.exp(-rrd(student, teacher, k=3))[0])
    assert sum(chances) == pytest.approx(1, rel=1e-5)


def test_the_order_beyond_rank_k_does_not_count():
    best = jnp.argsort(-TEACHER, axis=-1)[:, :4]
    top = jnp.take_along_axis(TEACHER, best, axis=-1)
    other = jnp.put_along_axis(-TEACHER - 9, best, top, axis=-1, inplace=False)
    found = rrd(STUDENT, other, k=4)
    np.testing.assert_allclose(found, rrd(STUDENT, TEACHER, k=4), rtol=1e-5)


def test_rd_leaves_alone_what_is_ranked_high_enough():
    item = int(jnp.argmax(TEACHER[0]))
    first = STUDENT[:1].at[0, item].set(99.0)
    assert rd(first, TEACHER[:1], k=1)[0] == 0
    last = STUDENT[:1].at[0, item].set(-99.0)
    _, slope = value_and_slope(rd, last, TEACHER[:1], 1)
    assert slope[0, item] < 0 and np.count_nonzero(slope) == 1


@LOSSES
def test_an_item_that_is_no_candidate_is_as_if_it_were_not_there(loss):
    keep = np.arange(12) != 3
    teacher = TEACHER.at[:, 3].set(-jnp.inf)
    value, slope = value_and_slope(loss, STUDENT, teacher, 5)
    wanted, steep = value_and_slope(loss, STUDENT[:, keep], TEACHER[:, keep], 5)
    np.testing.assert_allclose(value, wanted, rtol=1e-5)
    np.testing.assert_allclose(slope[:, keep], steep, atol=1e-6)
    assert not np.any(slope[:, 3])


@LOSSES
def test_fewer_candidates_than_k_are_ranked_alone(loss):
    teacher = jnp.where(jnp.arange(12) < 3, TEACHER[:1], -jnp.inf)
    value, slope = value_and_slope(loss, STUDENT[:1], teacher, 12)
    assert np.isfinite(value) and np.all(np.isfinite(slope))
    assert not np.any(slope[:, 3:])
    if loss is rrd:
        wanted = rrd(STUDENT[:1, :3], TEACHER[:1, :3], k=3)[0]
        np.testing.assert_allclose(value, wanted, rtol=1e-5)
    none = jnp.full((1, 12), -jnp.inf)
    assert loss(STUDENT[:1], none, k=3)[0] == 0


@LOSSES
@pytest.mark.parametrize("k", [0, 13])
def test_a_k_beyond_the_items_is_named(loss, k):
    with pytest.raises(ValueError, match=f"k must be .* from 1 to 12, got {k}"):
        loss(STUDENT, TEACHER, k=k)


def test_the_numbers_of_rd_are_above_zero():
    with pytest.raises(ValueError, match="lam must be above 0, got 0"):
        rd(STUDENT, TEACHER, lam=0.0)
    with pytest.raises(ValueError, match="mu must be above 0, got 0"):
        rd(STUDENT, TEACHER, mu=0.0)
