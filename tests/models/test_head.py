import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import models, objective, train
from jdistill.typing import Frozen

INPUTS = jnp.asarray(np.random.default_rng(0).normal(size=(6, 5)), jnp.float32)
BATCH = {"inputs": INPUTS, "id": jnp.arange(6)}


def net(width):
    plain = models.mlp(widths=(width,), classes=7, taps="Dense_0")
    # the tap is before the activation, so this head belongs to another network
    return models.offer_head(plain, hidden="Dense_0", weight="Dense_1/kernel")


def test_hidden_states_and_the_matrix_are_those_of_the_model():
    model = net(4)
    params, state = jax.jit(model.init)(jax.random.key(0), BATCH)
    outputs, _ = model.apply(params, state, BATCH)
    np.testing.assert_array_equal(outputs.hidden, outputs.features["Dense_0"])
    assert model.head(params) is params["Dense_1"]["kernel"]
    flipped = models.offer_head(
        model, hidden="Dense_0", weight="Dense_1/kernel", transposed=True
    )
    np.testing.assert_array_equal(flipped.head(params), params["Dense_1"]["kernel"].T)


def test_what_is_not_there_is_named():
    model = models.offer_head(net(4), hidden="Dense_9", weight="Dense_9/kernel")
    params, state = jax.jit(model.init)(jax.random.key(0), BATCH)
    with pytest.raises(ValueError, match=r"no tap 'Dense_9'; there are \['Dense_0'\]"):
        model.apply(params, state, BATCH)
    with pytest.raises(ValueError, match="no parameter 'Dense_9/kernel'"):
        model.head(params)


def by_parts(student, ours, teacher, theirs, *, parts):
    """KL from hidden states and heads, a part of the rows at a time."""

    def one(rows):
        z_s, z_t = rows[0] @ ours, rows[1] @ theirs
        log_q, log_p = jax.nn.log_softmax(z_s), jax.nn.log_softmax(z_t)
        return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)

    cut = jax.tree.map(lambda x: x.reshape(parts, -1, x.shape[-1]), (student, teacher))
    return jax.lax.map(jax.checkpoint(one), cut).reshape(-1)


@pytest.mark.parametrize("cached", [False, True])
def test_a_loss_reads_hidden_states_and_heads_and_no_logits_exist(cached):
    student, teacher = net(4), net(8)
    goal = objective.combine(
        kd=objective.term(
            by_parts,
            objective.hidden("student"),
            objective.head("student"),
            objective.hidden("teacher"),
            objective.head("teacher"),
            per="example",
            parts=3,
        )
    )
    recipe = train.learner(student, goal, optax.sgd(0.1), teacher=teacher)
    frozen = Frozen(*jax.jit(teacher.init)(jax.random.key(1), BATCH))
    state = jax.jit(recipe.init)(jax.random.key(0), BATCH, frozen)
    batch = recipe.teach(BATCH, frozen) if cached else BATCH
    if cached:
        known = batch["outputs"]["teacher"]
        assert known.logits is None and known.hidden.shape == (6, 8)
    program = jax.jit(recipe.step).lower(state, batch, frozen).compile().as_text()
    assert "f32[6,7]" not in program and "f32[2,7]" in program
    after, metrics = jax.jit(recipe.step)(state, batch, frozen)
    ours, theirs = (
        m.apply(p, {}, BATCH)[0].hidden @ m.head(p)
        for m, p in ((student, state.params), (teacher, frozen.params))
    )
    log_q, log_p = jax.nn.log_softmax(ours), jax.nn.log_softmax(theirs)
    wanted = jnp.sum(jnp.exp(log_p) * (log_p - log_q))
    np.testing.assert_allclose(metrics["kd"][0], wanted, rtol=1e-5)
    moved = after.params["Dense_1"]["kernel"] - state.params["Dense_1"]["kernel"]
    assert np.abs(moved).max() > 0
