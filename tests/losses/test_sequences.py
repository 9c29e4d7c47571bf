import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.objective import combine, on_logits
from jdistill.typing import Outputs
from tests.seen import seen

STUDENT, TEACHER = jnp.asarray(
    np.random.default_rng(0).normal(size=(2, 3, 6, 5)), jnp.float32
)
BATCH = {
    "mask": jnp.array([1.0, 1.0, 0.0]),
    "token_mask": jnp.asarray(np.arange(6) < np.array([[6], [4], [5]]), jnp.float32),
    "label": jnp.zeros((3, 6), jnp.int32),
}


@pytest.mark.parametrize("loss", [losses.kl, losses.ctc_kl])
def test_a_term_takes_the_mean_over_the_real_steps_blank_or_not(loss):
    objective = combine(kd=on_logits(loss))
    views = seen(Outputs(STUDENT), Outputs(TEACHER))
    found, metrics = objective.compute(views, BATCH, aux={}, step=0, key=None)
    real = np.asarray(BATCH["token_mask"] * BATCH["mask"][:, None])
    values = np.asarray(loss(STUDENT, TEACHER))
    np.testing.assert_allclose(found, (values * real).sum() / 10, rtol=1e-5)
    assert metrics["kd"][1] == 10


def test_frames_that_the_teacher_calls_blank_get_neither_value_nor_gradient():
    blank = np.asarray(TEACHER).argmax(-1) == 2
    assert blank.any() and not blank.all()
    found = losses.ctc_kl(STUDENT, TEACHER, blank=2)
    wanted = losses.kl(STUDENT, TEACHER)
    np.testing.assert_array_equal(found, np.where(blank, 0, wanted))
    slope = jax.grad(lambda s: losses.ctc_kl(s, TEACHER, blank=2).sum())(STUDENT)
    assert np.array_equal(np.any(slope, axis=-1), ~blank)


def test_without_its_class_the_blank_of_either_side_changes_nothing():
    still = losses.ctc_kl_without_blank(STUDENT, TEACHER, blank=3)
    moved = losses.ctc_kl_without_blank(
        STUDENT.at[..., 3].add(9.0), TEACHER.at[..., 3].add(-9.0), blank=3
    )
    np.testing.assert_array_equal(moved, still)


@pytest.mark.parametrize("loss", [losses.ctc_kl, losses.ctc_kl_without_blank])
def test_minus_one_is_the_last_class_and_one_that_is_not_there_is_named(loss):
    last = loss(STUDENT, TEACHER, blank=4)
    np.testing.assert_array_equal(loss(STUDENT, TEACHER, blank=-1), last)
    for wrong in (5, -6):
        with pytest.raises(ValueError, match=rf"blank must be .* 4, got {wrong}"):
            loss(STUDENT, TEACHER, blank=wrong)
