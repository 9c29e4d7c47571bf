"""The first culprit of a step that is not finite, by name."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import losses, models, objective, train
from jdistill.data._splits import gather
from jdistill.typing import Outputs, Split
from tests.train.examples import SOFT, adam, batch, begin, frozen, net

TEACHER = net(taps="Dense_0")
RECIPE = adam(goal=SOFT, teacher=TEACHER, micro_batches=2)
PLAIN = adam()


def taught(logits, features=None):
    """What a batch holds where the teacher's outputs are known."""
    return {"outputs": {"teacher": Outputs(logits, features or {})}}


def nan_at(x, *index):
    return x.at[index].set(jnp.nan)


def test_an_input_names_the_examples():
    spoilt = nan_at(nan_at(batch()["inputs"], 3, 1), 6)
    found = {**batch(), "inputs": spoilt, "id": batch()["id"] + 100}
    said = PLAIN.explain(begin(PLAIN), found)
    assert said == "'inputs' is not finite in examples [103, 106]"


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
def test_the_teachers_logits_name_the_example_and_stop_the_run(value):
    logits = jnp.zeros((8, 3)).at[5, 1].set(value)
    found = {**batch(), **taught(logits), "id": batch()["id"] + 100}
    recipe = adam(goal=SOFT)
    state = jax.jit(recipe.init)(jax.random.key(0), found)
    after, _ = jax.jit(recipe.step)(state, found)
    assert after.bad == 0
    said = recipe.explain(state, found)
    assert said == "'outputs/teacher/logits' is not finite in examples [105]"


def test_at_most_five_examples_are_named():
    found = {**batch(), "inputs": batch()["inputs"] * jnp.nan}
    assert PLAIN.explain(begin(PLAIN), found).endswith("[0, 1, 2, 3, 4]")


def test_padding_is_never_the_culprit():
    found = {**batch(), "inputs": nan_at(batch()["inputs"], 7)}
    found["mask"] = jnp.arange(8) < 7
    assert "'inputs'" not in PLAIN.explain(begin(PLAIN), found)


def test_logits_of_the_teacher_name_the_examples():
    state = begin(RECIPE, frozen(TEACHER))
    logits = nan_at(jnp.zeros((8, 3)), 2, 0)
    said = RECIPE.explain(state, {**batch(), **taught(logits)})
    assert said == "'outputs/teacher/logits' is not finite in examples [2]"


def test_features_of_the_teacher_are_named_by_their_path():
    state = begin(RECIPE, frozen(TEACHER))
    features = {"Dense_0": nan_at(jnp.zeros((8, 6)), 4)}
    joined = taught(jnp.zeros((8, 3)), features)
    said = RECIPE.explain(state, {**batch(), **joined})
    assert said == "'outputs/teacher/features/Dense_0' is not finite in examples [4]"


def test_a_parameter_names_its_path_and_the_term_that_it_spoils():
    state = begin(PLAIN)
    state.params["Dense_1"]["kernel"] = nan_at(state.params["Dense_1"]["kernel"], 0, 0)
    said = PLAIN.explain(state, batch())
    assert said == "term 'ce' is nan; parameter 'Dense_1/kernel' is not finite"


def rooted(x):
    """Finite at 0, its slope is not."""
    return jnp.sqrt(x)


def test_a_gradient_names_its_parameter():
    model = models.from_function(
        lambda p, x: rooted(p["a"] * 0) + x[:, :3] * p["b"],
        lambda key, x: {"a": jnp.zeros((1, 1)), "b": jnp.ones((1, 1))},
    )
    recipe = adam(model)
    said = recipe.explain(begin(recipe), batch())
    assert said == "the gradient of parameter 'a' is not finite"


@pytest.mark.parametrize("axis_name", [None, "devices"])
def test_a_step_of_the_optimiser_names_what_it_spoils(axis_name):
    recipe = adam(tx=optax.sgd(jnp.inf), axis_name=axis_name)
    said = recipe.explain(begin(PLAIN), batch())
    assert said == "the optimiser's step of parameter 'Dense_0/bias' is not finite"


def test_a_weight_that_is_not_finite_is_told_from_its_term():
    goal = objective.combine(
        ce=(lambda step: jnp.nan) * objective.on_labels(losses.cross_entropy)
    )
    recipe = train.learner(net(), goal, optax.sgd(0.1))
    said = recipe.explain(begin(recipe), batch())
    assert said == "the loss is nan, its terms are finite: a weight is not"


def test_the_step_agrees_with_what_is_explained():
    recipe = adam(tx=optax.sgd(jnp.inf))
    state, _ = jax.jit(recipe.step)(begin(recipe), batch())
    assert int(state.bad) == 0


def test_a_label_that_is_no_class_is_named_with_its_example():
    label = np.array([0, 1, 2, 0, 9, 1, 2, 0])
    arrays = {"inputs": np.ones((8, 3), np.float32), "label": label}
    arrays["id"] = np.arange(8, dtype=np.int32)
    split = Split(8, lambda rows: gather(arrays, rows), arrays, ("a", "b", "c"))
    goal = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    made = train.learner(models.mlp(classes=3, widths=(4,)), goal, optax.adam(1e-3))
    said = "step 0: label 9 of example 4 is not one of the classes 0 to 2"
    with pytest.raises(FloatingPointError, match=said):
        train.run(made, split, key=jax.random.key(0), num_steps=2, batch_size=8)
