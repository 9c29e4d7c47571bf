import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = jnp.asarray(RANDOM.normal(size=(2, 6, 3, 4, 5)), jnp.float32)
KERNEL = jnp.asarray(RANDOM.normal(size=(5, 5)), jnp.float32)


def test_scale_and_offset_of_a_channel_change_nothing():
    # features of 100, beside which what is added to variances fades
    student, teacher = (100 * np.asarray(x) for x in (STUDENT, TEACHER))
    moved = np.float32(student * np.arange(1, 6) + 300 * np.arange(5))
    found = losses.srd(jnp.asarray(moved), jnp.asarray(teacher - 70))
    wanted = losses.srd(jnp.asarray(student), jnp.asarray(teacher))
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_a_product_with_the_channels_may_stand_before_or_after_the_pooling():
    before = losses.srd(STUDENT @ KERNEL, TEACHER)
    after = losses.srd(STUDENT.mean((1, 2)) @ KERNEL, TEACHER)
    np.testing.assert_allclose(before, after, rtol=1e-5)


def test_maps_of_another_size_can_be_compared():
    larger = jnp.repeat(STUDENT, 2, axis=1)
    np.testing.assert_allclose(losses.srd(STUDENT, larger), np.log(1e-5), rtol=1e-5)


def test_a_batch_twice_over_adds_a_constant_without_a_gradient():
    def mean(student, teacher):
        return losses.srd(student, teacher).mean()

    twice = [jnp.concatenate([x, x]) for x in (STUDENT, TEACHER)]
    once, slope = jax.value_and_grad(mean)(STUDENT, TEACHER)
    whole, steep = jax.value_and_grad(mean)(*twice)
    np.testing.assert_allclose(whole - once, np.log(2), rtol=1e-4)
    np.testing.assert_allclose(steep[:6] + steep[6:], slope, rtol=1e-3, atol=1e-7)


def test_a_higher_power_hears_more_of_the_largest_difference():
    def share(alpha):
        slope = jax.grad(lambda t: losses.srd(STUDENT, t, alpha=alpha)[0])(TEACHER)
        sizes = jnp.sum(jnp.abs(slope), axis=(1, 2))
        return jnp.max(sizes) / jnp.sum(sizes)

    assert share(1) < share(2) < share(4) < share(8)


def test_what_padding_holds_reaches_nothing():
    mask = jnp.array([1, 1, 0, 1, 1, 0])
    real = jnp.array([0, 1, 3, 4])
    wild = STUDENT.at[2].set(jnp.nan).at[5].set(1e9)
    found = losses.srd(wild, TEACHER, mask=jnp.float32(mask))
    wanted = losses.srd(STUDENT[real], TEACHER[real])
    np.testing.assert_allclose(found[real], wanted, rtol=1e-5)
    assert not np.any(found[mask == 0])
    slope = jax.grad(lambda s: losses.srd(s, TEACHER, mask=jnp.float32(mask)).sum())
    assert np.all(np.isfinite(slope(wild)))


@pytest.mark.parametrize(
    ("arguments", "numbers", "said"),
    [
        ((STUDENT, TEACHER[..., :4]), {}, r"\(6, 3, 4, 5\).*\(6, 3, 4, 4\).*channels"),
        ((STUDENT[:, 0], TEACHER[:, 0]), {}, r"both must be \[batch, channels\] or"),
        ((STUDENT, TEACHER), {"alpha": 0.5}, "alpha must be 1 or more, got 0.5"),
        ((STUDENT, TEACHER), {"eps": 0.0}, "eps must be above 0, got 0.0"),
    ],
)
def test_what_does_not_fit_is_named(arguments, numbers, said):
    with pytest.raises(ValueError, match=said):
        inspect.unwrap(losses.srd)(*arguments, **numbers)
