import jax
import numpy as np
import pytest

from jdistill import projections
from tests.projections.members import arrays

KEY = jax.random.key(0)


def init(projection, *both):
    params = jax.jit(projection.init)(KEY, *both)
    random = np.random.default_rng(1)
    return jax.tree.map(lambda p: p + np.float32(random.normal(size=p.shape)), params)


def affine(params, x):
    return np.float64(x) @ np.float64(params["kernel"]) + np.float64(params["bias"])


@pytest.mark.parametrize("shape", [(3,), (7, 3), (4, 5, 3)])
def test_linear_is_an_affine_map_of_the_last_axis(shape):
    student, teacher = arrays(shape), arrays((*shape[:-1], 6))
    params = init(projections.linear(), student, teacher)
    found = projections.linear().apply(params, student, teacher)
    np.testing.assert_allclose(found, affine(params, student), rtol=1e-5, atol=1e-5)
    assert params["kernel"].shape == (3, 6)


def test_linear_starts_with_the_variance_of_its_input():
    student, teacher = arrays((400,), batch=50), arrays((300,), batch=50)
    params = jax.jit(projections.linear().init)(KEY, student, teacher)
    y = projections.linear().apply(params, student, teacher)
    assert np.std(y) == pytest.approx(1.0, rel=0.05) and not np.any(params["bias"])


def test_mlp_has_a_relu_between_two_affine_maps():
    student, teacher = arrays((3,)), arrays((5,))
    projection = projections.mlp(width=7, dim=4)
    params = init(projection, student, teacher)
    hidden = np.maximum(affine(params["enter"], student), 0)
    found = projection.apply(params, student, teacher)
    np.testing.assert_allclose(found, affine(params["leave"], hidden), 1e-5, 1e-5)
    assert found.shape == (4, 4) and params["enter"]["kernel"].shape == (3, 7)


def test_embed_is_the_direction_of_an_affine_map_of_the_whole_example():
    student, teacher = arrays((2, 2, 3)), arrays((5,))
    projection = projections.embed(dim=4)
    params = init(projection, student, teacher)
    y = affine(params, student.reshape(4, -1))
    found = projection.apply(params, student, teacher)
    wanted = y / np.linalg.norm(y, axis=-1, keepdims=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [projections.linear, projections.mlp])
def test_features_without_channels_are_named(make):
    with pytest.raises(ValueError, match=r"\[batch, ..., channels\], got \(4,\) for"):
        make().init(KEY, arrays(()), arrays((3,)))


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (projections.linear, {"dim": 0}),
        (projections.mlp, {"width": -1}),
        (projections.mlp, {"dim": 0}),
        (projections.embed, {"dim": 0}),
    ],
)
def test_a_size_below_one_is_named(make, numbers):
    (name, value), *_ = numbers.items()
    with pytest.raises(
        ValueError, match=f"{name} must be a whole number from 1, got {value}"
    ):
        make(**numbers)
