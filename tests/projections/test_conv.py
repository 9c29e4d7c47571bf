"""Sums of convolved waves were computed in float64 by RepDistiller's ConvReg."""

import jax
import numpy as np
import pytest

from jdistill import projections
from tests.projections.members import arrays, filled, summary, wave

KEY = jax.random.key(0)
SIZES = {
    (4, 6): (
        (2, 3),
        (3, 3),
        (38.13550343375722, 67.21745633084747, 0.5350612604625834),
    ),
    (2, 3): ((4, 6), (4, 4), (156.1917356956006, 269.152784333508, 1.9398915627828033)),
    (5, 4): (
        (4, 3),
        (2, 2),
        (84.31600579323347, 141.5302150036923, 1.1815309244771433),
    ),
    (4, 3): (
        (4, 3),
        (1, 1),
        (83.59126380631241, 138.8255610908113, 1.0173165012986014),
    ),
}


@pytest.mark.parametrize("ours", SIZES)
def test_a_regressor_gives_what_another_implementation_gives(ours):
    theirs, kernel, wanted = SIZES[ours]
    both = wave(2, *ours, 3), np.zeros((2, *theirs, 5), np.float32)
    params = jax.jit(projections.regressor().init)(KEY, *both)
    assert params["conv"]["kernel"].shape == (*kernel, 3, 5)
    params = {
        "conv": {"kernel": filled(*kernel, 3, 5, pace=0.9)},
        "norm": {"scale": 1 + filled(5, pace=0.8), "bias": filled(5, pace=0.6)},
    }
    found = jax.jit(projections.regressor().apply)(params, *both)
    assert found.shape == both[1].shape
    np.testing.assert_allclose(summary(found), wanted, rtol=2e-5, atol=1e-3)


def test_a_convolution_is_that_of_loops():
    student, teacher = arrays((4, 6, 2)), arrays((2, 3, 3))
    params = jax.jit(projections.conv().init)(KEY, student, teacher)
    params["bias"] = filled(3, pace=1.0)
    padded = np.pad(np.float64(student), [(0, 0), (1, 1), (1, 1), (0, 0)])
    wanted = np.empty(teacher.shape)
    for i in range(2):
        for j in range(3):
            window = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            wanted[:, i, j] = np.einsum("bhwi,hwio->bo", window, params["kernel"])
    found = projections.conv().apply(params, student, teacher)
    np.testing.assert_allclose(found, wanted + params["bias"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs", "kernel"),
    [
        ((8, 8), (2, 2), (7, 7)),
        ((8, 8), (1, 1), (8, 8)),
        ((2, 2), (1, 1), (3, 3)),
        ((2, 2), (6, 6), (6, 6)),
        ((1, 1), (4, 4), (8, 8)),
        ((7, 6), (5, 2), (3, 5)),
        ((4, 2), (2, 4), (3, 4)),
    ],
)
def test_sizes_are_reached_in_both_directions(ours, theirs, kernel):
    student, teacher = arrays((*ours, 2)), arrays((*theirs, 3))
    for make in (projections.conv, projections.conv_norm):
        params = jax.eval_shape(make().init, KEY, student, teacher)
        found = jax.eval_shape(make().apply, params, student, teacher)
        assert found.shape == teacher.shape
        assert params.get("conv", params)["kernel"].shape[:2] == kernel


def test_normalised_channels_have_mean_zero_and_variance_one_of_real_examples():
    student, teacher = arrays((2, 2, 3)), arrays((2, 2, 5))
    mask = np.array([1, 0, 1, 1], np.float32)
    student[1] = np.nan
    projection = projections.conv_norm()
    params = jax.jit(projection.init)(KEY, student, teacher)
    found = np.asarray(jax.jit(projection.apply)(params, student, teacher, mask=mask))
    real = found[mask > 0]
    np.testing.assert_allclose(real.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(real.var((0, 1, 2)), 1, rtol=1e-3)


@pytest.mark.parametrize("make", [projections.conv, projections.regressor])
def test_a_size_that_is_no_multiple_is_named_with_both_shapes(make):
    with pytest.raises(ValueError, match=r"from \(4, 3, 3, 2\) to \(4, 4, 4, 5\): the"):
        make().init(KEY, arrays((3, 3, 2)), arrays((4, 4, 5)))
    with pytest.raises(ValueError, match=r"got \(4, 3\) for \(4, 4, 4, 5\)"):
        make().init(KEY, arrays((3,)), arrays((4, 4, 5)))
