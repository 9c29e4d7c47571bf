import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, losses, objective, train
from jdistill.typing import Frozen
from tests.train.examples import adam, batch, close, net, split

MEAN_TEACHER = objective.combine(
    ce=objective.on_labels(losses.cross_entropy),
    kd=objective.on_logits(losses.kl, teacher="mean"),
)


def recipe(decay=0.75, **more):
    others = {"mean": train.follow_mean(decay=decay)}
    return adam(net(), MEAN_TEACHER, tx=optax.sgd(0.5), others=others, **more)


def test_the_mean_is_that_of_all_parameters_so_far():
    learner = recipe()
    state = jax.jit(learner.init)(jax.random.key(0), batch())
    wanted = state.params
    for number in range(4):
        state, _ = jax.jit(learner.step)(state, batch(8, 8 * number))
        wanted = jax.tree.map(lambda m, p: 0.75 * m + 0.25 * p, wanted, state.params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        state.followers["mean"].params,
        wanted,
    )


def test_its_logits_teach_and_receive_no_gradient():
    learner = recipe()
    state = jax.jit(learner.init)(jax.random.key(0), batch())
    _, first = jax.jit(learner.step)(state, batch())
    np.testing.assert_allclose(first["kd"][0], 0, atol=1e-6)  # it begins as the student
    other = jax.tree.map(lambda x: x + 1.0, state.params)
    apart = state._replace(followers={"mean": Frozen(other, {})})
    _, metrics = jax.jit(learner.step)(apart, batch())
    ours = net().apply(state.params, {}, batch())[0].logits
    theirs = net().apply(other, {}, batch())[0].logits
    np.testing.assert_allclose(
        metrics["kd"][0], losses.kl(ours, theirs).sum(), rtol=1e-4
    )


def test_micro_batches_and_windows_change_nothing():
    options = dict(key=jax.random.key(0), num_steps=12, batch_size=8)
    whole = train.run(recipe(), split(), steps_per_dispatch=1, **options)
    for other in (
        train.run(recipe(), split(), steps_per_dispatch=6, **options),
        train.run(recipe(micro_batches=2), split(), **options),
    ):
        assert close(whole.followers, other.followers)
        assert close(whole.params, other.params)


def test_raw_parameters_are_followed_under_a_compression():
    learner = recipe(compression=compress.magnitude(sparsity=0.5, where=".*kernel"))
    state = jax.jit(learner.init)(jax.random.key(0), batch())
    state, _ = jax.jit(learner.step)(state, batch())
    kernel = state.followers["mean"].params["Dense_0"]["kernel"]
    assert kernel.shape == state.params["Dense_0"]["kernel"].shape
    assert set(learner.encode(state).params) == {
        f"Dense_{n}/{k}" for n in (0, 1) for k in ("kernel", "bias")
    }


def test_halves_are_averaged_in_full_precision_and_integers_are_taken_over():
    mean = train.follow_mean(decay=0.9)
    first = mean.init(
        Frozen({"w": jnp.zeros(2, jnp.bfloat16)}, {"n": jnp.zeros((), int)})
    )
    assert first.params["w"].dtype == jnp.float32
    later = mean.update(
        first,
        Frozen({"w": jnp.ones(2, jnp.bfloat16)}, {"n": jnp.ones((), int)}),
        step=1,
    )
    np.testing.assert_allclose(later.params["w"], 0.1, rtol=1e-5)
    assert later.state["n"] == 1


def test_a_decay_may_follow_the_step_and_is_checked():
    mean = train.follow_mean(decay=lambda step: 1 - 1 / (step + 1))
    tree = mean.init(Frozen(jnp.array(1.0)))
    for step, value in ((1, 2.0), (2, 3.0)):
        tree = mean.update(tree, Frozen(jnp.array(value)), step=step)
    np.testing.assert_allclose(tree.params, 2.0)  # the plain mean of 1, 2 and 3
    for wrong in (1.0, -0.1, 1.5):
        with pytest.raises(ValueError, match="decay must be from 0 to below 1"):
            train.follow_mean(decay=wrong)
