import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.losses import _feature_maps

RANDOM = np.random.default_rng(0)


def maps(*shape):
    return jnp.asarray(RANDOM.normal(size=shape), jnp.float32)


STUDENT, TEACHER = maps(3, 4, 4, 5), maps(3, 4, 4, 2)


def test_attention_sees_neither_the_size_nor_the_sign_nor_the_order_of_channels():
    still = losses.attention_transfer(STUDENT, TEACHER)
    other = losses.attention_transfer(-3 * STUDENT[..., ::-1], TEACHER)
    np.testing.assert_allclose(other, still, rtol=1e-5)
    assert not np.any(losses.attention_transfer(2 * TEACHER, TEACHER) > 1e-12)


def test_attention_of_dead_channels_has_gradient_zero():
    zero = jnp.zeros((1, 2, 2, 3))
    for p in (1, 2):
        slope = jax.jit(
            jax.grad(lambda s, p=p: losses.attention_transfer(s, zero + 1, p=p).sum())
        )
        assert not np.any(slope(zero))
        assert not np.any(slope(zero.at[..., 0].set(1.0))[..., 1:])


def test_nst_sees_neither_the_order_nor_the_sign_nor_copies_of_channels():
    still = losses.nst(STUDENT, TEACHER)
    for other in (STUDENT[..., ::-1], -STUDENT, jnp.tile(STUDENT, 2)):
        np.testing.assert_allclose(losses.nst(other, TEACHER), still, rtol=1e-5)
    np.testing.assert_allclose(losses.nst(TEACHER[..., ::-1], TEACHER), 0, atol=1e-6)


def test_nst_is_the_distance_of_the_mean_outer_products():
    def outer(x):
        flat = x.reshape(3, 16, -1)
        flat = flat / jnp.linalg.norm(flat, axis=1, keepdims=True)
        return jnp.einsum("bic,bjc->bij", flat, flat) / flat.shape[-1]

    wanted = jnp.sum((outer(STUDENT) - outer(TEACHER)) ** 2, (1, 2))
    np.testing.assert_allclose(losses.nst(STUDENT, TEACHER), wanted, rtol=1e-5)


def test_the_flow_is_that_of_the_pooled_map_in_either_order():
    early, late = maps(2, 8, 8, 3), maps(2, 4, 4, 2)
    pooled = early.reshape(2, 4, 2, 4, 2, 3).max((2, 4))
    zeros = jnp.zeros((2, 1, 1, 3)), jnp.zeros((2, 1, 1, 2))
    wanted = losses.fsp((pooled, late), zeros)
    np.testing.assert_allclose(losses.fsp((early, late), zeros), wanted, rtol=1e-5)
    turned = losses.fsp((late, early), zeros[::-1])
    np.testing.assert_allclose(turned, wanted, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(4, 3), (2, 2), (1, 1), (3, 5), (6, 7)])
def test_pools_cover_the_map_in_nearly_equal_cells(height, width):
    x = np.asarray(maps(2, 6, 7, 3))
    mean, largest = (
        jax.jit(pool, static_argnums=(1, 2))(x, height, width)
        for pool in (_feature_maps.average_pool, _feature_maps.max_pool)
    )
    for i in range(height):
        for j in range(width):
            top, bottom = i * 6 // height, -(-(i + 1) * 6 // height)
            left, right = j * 7 // width, -(-(j + 1) * 7 // width)
            cell = x[:, top:bottom, left:right]
            np.testing.assert_allclose(mean[:, i, j], cell.mean((1, 2)), atol=1e-6)
            assert np.array_equal(largest[:, i, j], cell.max((1, 2)))


@pytest.mark.parametrize(
    ("loss", "arguments", "numbers", "said"),
    [
        (
            "attention_transfer",
            (STUDENT, TEACHER[:, :3]),
            {},
            r"student has shape \(3, 4, 4, 5\), teacher \(3, 3, 4, 2\): both must be "
            r"\[batch, height, width, channels\] and equal in batch, height, width",
        ),
        ("attention_transfer", (STUDENT, TEACHER), {"p": 0.5}, "p must be 1 or more"),
        ("attention_transfer", (STUDENT[0], TEACHER[0]), {}, "both must be"),
        ("nst", (STUDENT, TEACHER[:1]), {}, "equal in batch, height, width"),
        (
            "fsp",
            ((STUDENT, STUDENT), (STUDENT, TEACHER)),
            {},
            r"student has shape \(3, 4, 4, 5\), teacher \(3, 4, 4, 2\): both must be "
            r".* equal in batch, channels",
        ),
    ],
)
def test_what_does_not_fit_is_named(loss, arguments, numbers, said):
    with pytest.raises(ValueError, match=said):
        inspect.unwrap(getattr(losses, loss))(*arguments, **numbers)


def test_one_map_of_each_network_has_no_flow():
    maps = jnp.ones((2, 3, 3, 4))
    with pytest.raises(ValueError, match=r"student is one array.*early map, late map"):
        inspect.unwrap(losses.fsp)(maps, (maps, maps))
