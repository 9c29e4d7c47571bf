import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.objective import distillation, hinton
from jdistill.typing import Outputs
from tests.losses.members import _labels, _logits
from tests.seen import seen

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = RANDOM.normal(size=(2, 8, 5)).astype(np.float32)
LABEL = RANDOM.integers(5, size=8)
HARD = _labels.cross_entropy(STUDENT, LABEL).mean()


def loss(objective, step=0):
    views = seen(Outputs(jnp.asarray(STUDENT)), Outputs(jnp.asarray(TEACHER)))
    return objective.compute(views, {"label": LABEL}, aux={}, step=step, key=None)[0]


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.9, 1.0])
def test_hinton_is_the_weighted_mean_of_soft_and_hard(temperature, alpha):
    soft = _logits.kl(STUDENT, TEACHER, temperature).mean()
    found = loss(hinton(temperature=temperature, alpha=alpha))
    np.testing.assert_allclose(found, alpha * soft + (1 - alpha) * HARD, rtol=1e-5)


def test_hinton_has_the_defaults_that_its_page_names():
    assert loss(hinton()) == loss(hinton(temperature=2.0, alpha=0.9))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_distillation_adds_a_multiple_of_the_soft_labels(temperature):
    soft = _logits.soft_cross_entropy(STUDENT, TEACHER, temperature).mean()
    found = loss(distillation(lam=0.5, temperature=temperature))
    np.testing.assert_allclose(found, HARD + 0.5 * soft, rtol=1e-5)


def test_both_weights_and_the_temperature_may_be_schedules():
    def alpha(step):
        return step / 10

    found = loss(hinton(temperature=lambda step: 1.0 + step, alpha=alpha), step=3)
    np.testing.assert_allclose(found, loss(hinton(temperature=4.0, alpha=0.3)))
    found = loss(distillation(lam=alpha), step=3)
    np.testing.assert_allclose(found, loss(distillation(lam=0.3)))
