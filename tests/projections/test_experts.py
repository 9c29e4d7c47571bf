import jax
import numpy as np
import pytest

from jdistill import projections
from tests.projections.members import arrays

KEY = jax.random.key(0)
STUDENT, TEACHER = arrays((3,)), arrays((6,))


def affine(params, x, expert=None):
    kernel, bias = params["kernel"], params["bias"]
    if expert is not None:
        kernel, bias = kernel[expert], bias[expert]
    return np.float64(x) @ np.float64(kernel) + np.float64(bias)


def test_the_mixture_is_that_of_loops():
    projection = projections.experts(number=5, temperature=0.5)
    params = jax.jit(projection.init)(KEY, STUDENT, TEACHER)
    scores = affine(params["choose"], TEACHER) / 0.5
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    wanted = sum(
        shares[:, k, None]
        * affine(
            params["experts"]["leave"],
            np.maximum(affine(params["experts"]["enter"], STUDENT, k), 0),
            k,
        )
        for k in range(5)
    )
    found = projection.apply(params, STUDENT, TEACHER)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_experts_differ_and_lie_between_both_widths():
    projection = projections.experts(number=5)
    params = jax.jit(projection.init)(KEY, STUDENT, TEACHER)
    kernel = np.asarray(params["experts"]["enter"]["kernel"])
    assert kernel.shape == (5, 3, 4) and len(np.unique(kernel)) == kernel.size
    same = jax.eval_shape(projection.init, KEY, TEACHER, TEACHER)
    assert same["experts"]["enter"]["kernel"].shape == (5, 6, 3)


def test_a_cold_mixture_is_one_expert_chosen_as_often_as_its_share():
    student, teacher = np.ones((4000, 3), np.float32), np.ones((4000, 6), np.float32)
    projection = projections.experts(number=3, temperature=1e-6)
    params = jax.jit(projection.init)(KEY, student, teacher)
    params["choose"]["bias"] = np.float32([1.5, 0.0, -1.5])
    answers = [
        affine(
            params["experts"]["leave"],
            np.maximum(affine(params["experts"]["enter"], student[:1], k), 0),
            k,
        )
        for k in range(3)
    ]
    drawn = np.asarray(projection.apply(params, student, teacher, key=KEY))
    near = np.argmin([np.abs(drawn - a).max(-1) for a in answers], axis=0)
    scores = affine(params["choose"], teacher[0])
    shares = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(np.bincount(near, minlength=3) / 4000, shares, atol=0.03)
    np.testing.assert_allclose(drawn[0], answers[near[0]][0], rtol=1e-3, atol=1e-4)


def test_one_expert_is_a_small_network():
    projection = projections.experts(number=1)
    params = jax.jit(projection.init)(KEY, STUDENT, TEACHER)
    drawn = projection.apply(params, STUDENT, TEACHER, key=KEY)
    still = projection.apply(params, STUDENT, TEACHER)
    np.testing.assert_allclose(drawn, still, rtol=1e-6)


def test_a_temperature_may_be_traced():
    params = jax.jit(projections.experts(number=2).init)(KEY, STUDENT, TEACHER)

    def mixed(temperature):
        projection = projections.experts(number=2, temperature=temperature)
        return projection.apply(params, STUDENT, TEACHER)

    np.testing.assert_allclose(jax.jit(mixed)(0.3), mixed(0.3), rtol=1e-4, atol=1e-6)


def test_what_they_do_not_take_is_named():
    with pytest.raises(ValueError, match="number must be a whole number from 1, got 0"):
        projections.experts(number=0)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        projections.experts(temperature=0)
    with pytest.raises(
        ValueError, match=r"experts take \(4, 3\) to \(4, 2, 6\): all ax"
    ):
        projections.experts().init(KEY, STUDENT, arrays((2, 6)))
