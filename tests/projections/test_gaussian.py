import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses, projections
from tests.projections.members import arrays

KEY = jax.random.key(0)


def test_the_mean_comes_from_three_products_with_relus_between():
    student, teacher = arrays((4, 3)), arrays((4, 5))
    projection = projections.gaussian(hidden=6)
    params = jax.jit(projection.init)(KEY, student, teacher)
    one, two, three = (np.float64(layer["kernel"]) for layer in params["mean"])
    wanted = np.maximum(np.maximum(student @ one, 0) @ two, 0) @ three
    mean, raw = projection.apply(params, student, teacher)
    np.testing.assert_allclose(mean, wanted, rtol=1e-5, atol=1e-6)
    assert one.shape == (3, 6) and two.shape == (6, 6) and raw.shape == (4, 1, 5)


@pytest.mark.parametrize("variance", [1e-3, 1.0, 5.0, 200.0])
def test_the_variance_starts_where_it_is_asked_to(variance):
    student, teacher = arrays((3,)), arrays((5,))
    projection = projections.gaussian(init_variance=variance)
    params = jax.jit(projection.init)(KEY, student, teacher)
    found = jax.nn.softplus(params["raw_variance"])
    np.testing.assert_allclose(found, variance, rtol=1e-4)


def test_the_variance_is_that_of_the_loss():
    student, teacher = arrays((3,)), arrays((5,))
    projection = projections.gaussian()
    params = jax.jit(projection.init)(KEY, student, teacher)
    mean, _ = projection.apply(params, student, teacher)
    found = losses.vid(projection.apply(params, student, teacher), jnp.array(teacher))
    wanted = 0.5 * (np.log(5) + (np.asarray(mean) - teacher) ** 2 / 5)
    np.testing.assert_allclose(found, wanted.mean(-1), rtol=1e-4)


def test_a_variance_branch_is_an_affine_map_and_a_normalised_product():
    student, teacher = arrays((4, 3)), arrays((4, 5))
    projection = projections.variance_branch()
    params = jax.jit(projection.init)(KEY, student, teacher)
    params["mean"]["bias"] = jnp.arange(5.0)
    params["norm"] = {"scale": jnp.arange(1.0, 6.0), "bias": -jnp.arange(5.0)}
    affine, raw = (
        np.float64(student) @ np.float64(params[name]["kernel"])
        for name in ("mean", "spread")
    )
    apart = (raw - raw.mean((0, 1))) / np.sqrt(raw.var((0, 1)) + 1e-5)
    mean, alpha = projection.apply(params, student, teacher)
    np.testing.assert_allclose(mean, affine + np.arange(5), rtol=1e-5, atol=1e-5)
    wanted = apart * np.arange(1, 6) - np.arange(5)
    np.testing.assert_allclose(alpha, wanted, rtol=1e-4, atol=1e-5)


def test_a_variance_branch_learns_which_examples_cannot_be_predicted():
    noise, student = np.zeros((64, 5), np.float32), arrays((3,), batch=64)
    hard = student[:, 0] > 0
    noise[hard] = arrays((5,), batch=64, scale=3.0)[hard]
    teacher = jnp.asarray(noise + student @ arrays((3, 5), batch=1)[0])
    projection = projections.variance_branch()

    @jax.jit
    def step(params):
        def total(params):
            found = projection.apply(params, student, teacher)
            return losses.pad_l2(found, teacher).mean()

        return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(total)(params))

    params = jax.jit(projection.init)(KEY, student, teacher)
    for _ in range(300):
        params = step(params)
    _, alpha = projection.apply(params, student, teacher)
    easy = np.asarray(alpha)[~hard].mean()
    assert np.asarray(alpha)[hard].mean() > easy + 2


def test_features_of_a_variance_branch_without_channels_are_named():
    with pytest.raises(ValueError, match="variance_branch takes features"):
        projections.variance_branch().init(KEY, arrays(()), arrays((3,)))


def test_wrong_numbers_are_named():
    with pytest.raises(ValueError, match="hidden must be a whole number from 1, got 0"):
        projections.gaussian(hidden=0)
    with pytest.raises(ValueError, match="init_variance must be above 0, got -1"):
        projections.gaussian(init_variance=-1)
