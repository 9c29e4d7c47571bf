"""One step: which gradient, what moves, what never does."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jdistill import artifact, compress, losses, models, objective, train
from tests.train.examples import (
    CLASSES,
    adam,
    batch,
    begin,
    close,
    frozen,
    halved,
    net,
    pruned_and_rounded,
    same,
)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Dense(4)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        return nn.Dense(CLASSES)(nn.relu(x))


def test_batch_statistics_follow_the_applied_parameters():
    recipe = adam(models.from_linen(Normed()), compression=halved())
    state = begin(recipe)
    after, _ = jax.jit(recipe.step)(state, batch())
    dense = jax.tree.map(lambda x: x / 2, state.params["Dense_0"])
    hidden = batch()["inputs"] @ dense["kernel"] + dense["bias"][None]
    found = after.model_state["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(found, 0.1 * hidden.mean(0), rtol=1e-4, atol=1e-6)
    assert same(recipe.finish(after).state, after.model_state)


def test_what_is_encoded_takes_the_batch_statistics_into_the_file(tmp_path):
    recipe = adam(models.from_linen(Normed()), compression=pruned_and_rounded())
    state, _ = jax.jit(recipe.step)(begin(recipe), batch())
    artifact.pack(tmp_path / "f", recipe.encode(state))
    finished, read = recipe.finish(state), artifact.unpack(tmp_path / "f")
    assert same(read.params, finished.params) and same(read.state, finished.state)
    assert read.state["batch_stats"]["BatchNorm_0"]["mean"].any()
    assert isinstance(read.encoded["Dense_0/kernel"], compress.Quantized)


def padded(found, extra=3):
    """Rows of nonsense after the batch, masked."""
    size = len(found["label"])
    rubbish = {
        n: jnp.full((extra, *x.shape[1:]), 2, x.dtype) * 50 for n, x in found.items()
    }
    rubbish["label"] = jnp.zeros(extra, found["label"].dtype)
    both = {n: jnp.concatenate([x, rubbish[n]]) for n, x in found.items()}
    return {**both, "mask": jnp.arange(size + extra) < size}


def test_padding_changes_nothing_of_a_whole_step():
    teacher = net(widths=(7,))
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy),
        kd=objective.on_logits(losses.kl, temperature=2.0),
        l1=1e-3 * objective.on_params(losses.l1, where=".*kernel"),
    )
    recipe = train.learner(
        models.from_linen(Normed()), goal, optax.sgd(0.1),
        teacher=teacher, compression=pruned_and_rounded(),
    )  # fmt: skip
    variables = frozen(teacher)
    state = begin(recipe, variables)
    step = jax.jit(recipe.step)
    one, two = step(state, batch(), variables), step(state, padded(batch()), variables)
    assert close(one, two)


def test_dropout_differs_from_step_to_step_and_is_repeated_by_the_same_step():
    recipe = adam(net(dropout=0.5), tx=optax.sgd(0.0))
    state = begin(recipe)
    step = jax.jit(recipe.step)
    first, again = step(state, batch())[1], step(state, batch())[1]
    after, _ = step(state, batch())
    second = step(after, batch())[1]
    assert same(after.params, state.params)
    assert same(first, again)
    assert float(first["loss"][0]) != float(second["loss"][0])
