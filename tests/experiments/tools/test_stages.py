"""What a section of a configuration becomes."""

import jax
import numpy as np
import pytest

from experiments.tools import stages
from jdistill import objective, ops
from tests.train.examples import batch, frozen, net

TX = {"name": "adam", "learning_rate": 1e-2}
PLAIN = {"num_steps": 3, "tx": TX}
CUBIC = {"name": "cubic", "start": 0, "end": 2, "target": 0.5}
PRUNE = {"name": "magnitude", "sparsity": CUBIC, "every": 1}
SOFT = objective.hinton(temperature=2.0, alpha=0.5)
PARAMS = {"w": jax.random.normal(jax.random.key(0), (10, 10))}


def terms(stage):
    """The names of what a stage's first step measures."""
    learned = frozen(net(widths=(7,))) if stage.taught else None
    state = jax.eval_shape(stage.learner.init, jax.random.key(0), batch(), learned)
    step = stage.learner.step
    return {*jax.eval_shape(step, state, batch(), learned)[1]} - {"loss"}


def zeros(compression):
    """The share of zeros after the first update."""
    state = compression.init(PARAMS, products={"w": ops.Use((0,), (1,))})
    params, *state = compression.update(PARAMS, *state, step=0)
    return float((np.asarray(compression.apply(params, *state)["w"]) == 0).mean())


def test_what_a_stage_learns_by_follows_from_who_teaches_it():
    alone = stages.made("a", PLAIN, model=net())
    assert (terms(alone), alone.taught, alone.learns) == ({"ce"}, None, None)
    teacher = net(widths=(7,))
    taught = stages.made(
        "a", PLAIN | {"teacher": "t"}, model=net(), teacher=teacher, soft=SOFT
    )
    assert (terms(taught), taught.taught) == ({"ce", "kd"}, "t")
    kd = {"kd": {"on": "logits", "loss": "kl"}}
    own = PLAIN | {"teacher": "t", "terms": kd}
    own = stages.made("a", own, model=net(), teacher=teacher, soft=SOFT)
    assert (terms(own), own.learns) == ({"kd"}, None)
    with pytest.raises(ValueError, match="a teacher, and neither terms nor config"):
        stages.made("a", PLAIN | {"teacher": "t"}, model=net(), teacher=teacher)


def test_a_schedule_is_one_in_its_stage_and_its_end_in_those_that_follow():
    assert zeros(stages.whole({"compression": PRUNE})) == 0
    assert zeros(stages.keeper(PRUNE)) == 0.5
    same = {"name": "constant", "value": 0.3}
    assert zeros(stages.keeper(PRUNE | {"sparsity": same})) == pytest.approx(0.3)
    both = {"compression": {"name": "fake_quant", "bits": 8}}
    assert zeros(stages.whole(both, [stages.keeper(PRUNE)])) >= 0.5
    assert stages.whole({}) is None


def test_what_a_stage_keeps_of_those_before_it_is_masked_too():
    later = stages.made("a", PLAIN, model=net(), kept=[stages.keeper(PRUNE)])
    state = jax.jit(later.learner.init)(jax.random.key(0), batch())
    kernel = jax.jit(later.learner.step)(state, batch())[0].params["Dense_0"]["kernel"]
    assert (later.realised, float((np.asarray(kernel) == 0).mean())) == ("masked", 0.5)


def test_frozen_parameters_do_not_learn():
    still = stages.made("a", PLAIN | {"frozen": "Dense_0/.*"}, model=net())
    state = jax.jit(still.learner.init)(jax.random.key(0), batch())
    after = jax.jit(still.learner.step)(state, batch())[0].params
    moved = {
        n: not np.array_equal(state.params[n]["kernel"], after[n]["kernel"])
        for n in after
    }
    assert moved == {"Dense_0": False, "Dense_1": True}


def test_int8_activations_are_simulated_and_others_are_none():
    stage = stages.made("a", PLAIN | {"activations": "int8"}, model=net())
    assert stage.plain is net() and stage.model is not net()
    with pytest.raises(ValueError, match="activations is 'int4'; valid: 'int8'"):
        stages.made("a", PLAIN | {"activations": "int4"}, model=net())
