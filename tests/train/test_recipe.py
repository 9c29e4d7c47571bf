"""Checkpoints of another run are refused, with what differs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import models, objective, train
from jdistill.losses import cross_entropy
from jdistill.typing import Frozen
from tests.train.examples import HARD, SOFT, adam, net, same, split

TAUGHT = adam(net(), SOFT, optax.adam(1e-2), teacher=net(widths=(7,)))


def frozen(seed=0):
    batch = split(24).take(np.arange(2))
    return Frozen(*net(widths=(7,)).init(jax.random.key(seed), batch))


def run(folder, learner=TAUGHT, recipe=None, **more):
    saved = train.checkpoints(folder, recipe=recipe)
    how = {"key": jax.random.key(0), "num_steps": 4, "batch_size": 8}
    how |= {"split": split(24), "seed": 0, "frozen": frozen(), **more}
    try:
        return train.run(learner, checkpoints=saved, **how)
    finally:
        saved.close()


OTHERS = {
    "'run.seed' is 0 there and 1 here": {"seed": 1},
    "'run.batch_size' is 8 there and 4 here": {"batch_size": 4},
    "'run.key' is": {"key": jax.random.key(1)},
    "'run.examples' is 24 there and 32 here": {"split": split(32)},
    "'run.data' is": {"split": split(24, 5)},
    "'run.teacher' is": {"frozen": frozen(1)},
    "'run.step' is": {
        "learner": adam(net(), SOFT, optax.adam(2e-2), teacher=net(widths=(7,)))
    },
}


@pytest.mark.parametrize("said", OTHERS)
def test_another_run_of_the_same_shapes_is_refused_and_nothing_is_touched(
    tmp_path, said
):
    whole = run(tmp_path)
    with pytest.raises(ValueError, match=f"checkpoint 4 .* of another run: {said}"):
        run(tmp_path, **OTHERS[said])
    assert same(run(tmp_path), whole)


def test_the_same_run_made_anew_goes_on(tmp_path):
    run(tmp_path, num_steps=2)
    again = adam(net(), SOFT, optax.adam(1e-2), teacher=net(widths=(7,)))
    assert same(run(tmp_path, again), run(tmp_path / "whole"))


def test_what_the_user_names_stands_for_the_program(tmp_path):
    run(tmp_path, recipe={"rate": 0.01, "loss": {"name": "kl"}}, num_steps=2)
    other = adam(net(), HARD, optax.adam(1e-2), teacher=net(widths=(7,)))
    run(tmp_path, other, recipe={"rate": 0.01, "loss": {"name": "kl"}}, num_steps=3)
    with pytest.raises(ValueError, match=r"'recipe.rate' is 0.01 there and 0.02 here"):
        run(tmp_path, recipe={"rate": 0.02, "loss": {"name": "kl"}})
    with pytest.raises(
        ValueError, match=r"'recipe' is nothing there and \"mine\" here"
    ):
        run(tmp_path, recipe="mine")


def test_who_names_nothing_reads_what_there_is(tmp_path):
    state = run(tmp_path, recipe="mine")
    store = train.checkpoints(tmp_path)
    assert same(store.restore(state), (4, state))
    store.close()


def test_nan_in_a_recipe_is_itself(tmp_path):
    one = run(tmp_path, recipe={"rate": float("nan")})
    assert same(run(tmp_path, recipe={"rate": float("nan")}), one)


def test_a_newer_jax_refuses_no_program(tmp_path, monkeypatch):
    one = run(tmp_path)
    monkeypatch.setattr(jax, "__version__", "99")
    assert same(run(tmp_path), one)


def test_an_empty_parameter_trains_and_comes_back(tmp_path):
    def init(key, batch):
        return {"w": jnp.ones((5, 3)), "u": jnp.ones((5, 0))}, {}

    def apply(params, inputs):
        return inputs @ params["w"] + inputs @ params["u"] @ params["u"].T[:, :3]

    empty = models.from_function(apply)._replace(init=init)
    hard = objective.combine(ce=objective.on_labels(cross_entropy))
    learner = train.learner(empty, hard, optax.adam(1e-2))
    whole = run(tmp_path, learner, frozen=None)
    assert whole.params["u"].shape == (5, 0)
    assert same(run(tmp_path, learner, frozen=None), whole)
