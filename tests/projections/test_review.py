"""Sums of fused waves were computed in float64 by mdistiller's ReviewKD."""

import jax
import numpy as np
import pytest

from jdistill import projections
from tests.projections.members import arrays, filled, summary, wave

KEY = jax.random.key(0)


def level(depth, inputs, mid, width, fuses):
    def normed(channels, pace):
        scale, bias = filled(channels, pace=pace), filled(channels, pace=pace + 0.1)
        return {"scale": 1 + scale, "bias": bias}

    params = {
        "enter": {"kernel": filled(1, 1, inputs, mid, pace=0.9 + depth)},
        "enter_norm": normed(mid, 0.5 + depth),
        "leave": {"kernel": filled(3, 3, mid, width, pace=0.8 + depth)},
        "leave_norm": normed(width, 0.4 + depth),
    }
    if fuses:
        kernel = filled(1, 1, 2 * mid, 2, pace=0.7 + depth)
        params["weigh"] = {"kernel": kernel, "bias": filled(2, pace=0.6 + depth)}
    return params


def test_levels_are_fused_as_by_another_implementation():
    student = wave(2, 8, 8, 3), wave(2, 4, 4, 4, pace=0.7), wave(2, 4, pace=0.6)
    teacher = tuple(np.zeros((2, *s), np.float32) for s in ((8, 8, 5), (4, 4, 6), (6,)))
    params = [
        level(depth, inputs, 4, width, depth < 2)
        for depth, (inputs, width) in enumerate([(3, 5), (4, 6), (4, 6)])
    ]
    made = jax.eval_shape(projections.review().init, KEY, student, teacher)
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, made)
    found = jax.jit(projections.review().apply)(params, student, teacher)
    wanted = [
        [244.8743091805307, 1352.6156580780792, -28.12068172384423],
        [19.708605453062308, 286.5450306875099, -2.7951994122908275],
        [0.6174926781321035, 16.55673077662634, -2.010151454573208],
    ]
    for one, sums in zip(found, wanted, strict=True):
        np.testing.assert_allclose(summary(one), sums, rtol=2e-4, atol=2e-3)


def test_a_deep_level_reaches_the_shallow_ones_and_not_the_other_way():
    student, teacher = (
        arrays(((4, 4, 3), (2, 2, 4))),
        arrays(((4, 4, 5), (2, 2, 6))),
    )
    projection = projections.review()
    params = jax.jit(projection.init)(KEY, student, teacher)
    apply = jax.jit(projection.apply)
    still = apply(params, student, teacher)
    deep = apply(params, (student[0], student[1] ** 2), teacher)
    shallow = apply(params, (student[0] ** 2, student[1]), teacher)
    assert not np.allclose(deep[0], still[0]) and not np.allclose(deep[1], still[1])
    assert not np.allclose(shallow[0], still[0]) and np.allclose(shallow[1], still[1])


@pytest.mark.parametrize(("mid", "width"), [(None, 512), (7, 7)])
def test_the_middle_width_is_the_deepest_levels_up_to_512(mid, width):
    student, teacher = arrays(((2, 2, 3), (600,))), arrays(((2, 2, 3), (5,)))
    params = jax.eval_shape(projections.review(mid=mid).init, KEY, student, teacher)
    assert params[0]["enter"]["kernel"].shape[-1] == width


@pytest.mark.parametrize(
    ("student", "teacher", "said"),
    [
        (
            ((2, 2, 3), (3,)),
            ((2, 2, 3),),
            r"got \(\(4, 2, 2, 3\), \(4, 3\)\) for \(\(4",
        ),
        ((2, 2, 3), (2, 2, 3), r"as many levels of both sides, got \(4, 2, 2, 3\) for"),
        (((2, 3),), ((2, 3),), r"levels \[batch, height, width, channels\] or"),
    ],
)
def test_levels_that_do_not_fit_are_named(student, teacher, said):
    with pytest.raises(ValueError, match=said):
        projections.review().init(KEY, arrays(student), arrays(teacher))


def test_a_width_below_one_is_named():
    with pytest.raises(ValueError, match="mid must be a whole number from 1, got 0"):
        projections.review(mid=0)
