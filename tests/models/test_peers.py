import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import losses, models, objective, train
from jdistill.objective import labels, stopped, taps, term
from jdistill.typing import Frozen
from tests.train.examples import batch, close

A, B = (models.mlp(widths=(w,), classes=3, taps="Dense_0") for w in (4, 7))
BOTH = models.peers(a=A, b=B)


def mutual():
    each = {name: taps("student", f"{name}/logits") for name in "ab"}
    terms = {
        f"ce_{n}": term(losses.cross_entropy, z, labels()) for n, z in each.items()
    }
    for one, other in (("a", "b"), ("b", "a")):
        terms[f"kl_{one}"] = term(losses.kl, each[one], stopped(each[other]))
    return objective.combine(**terms)


def test_each_network_is_what_it_is_alone():
    params, state = jax.jit(BOTH.init)(jax.random.key(0), batch())
    outputs, _ = BOTH.apply(params, state, batch())
    for name, model in (("a", A), ("b", B)):
        alone, _ = model.apply(params[name], state[name], batch())
        np.testing.assert_array_equal(outputs.features[f"{name}/logits"], alone.logits)
        np.testing.assert_array_equal(
            outputs.features[f"{name}/Dense_0"], alone.features["Dense_0"]
        )
    np.testing.assert_array_equal(outputs.logits, outputs.features["a/logits"])


def test_each_learns_from_the_labels_and_from_the_other_which_is_fixed():
    learner = train.learner(BOTH, mutual(), optax.sgd(0.3))
    state = jax.jit(learner.init)(jax.random.key(0), batch())
    moved, _ = jax.jit(learner.step)(state, batch())
    logits = {
        n: m.apply(state.params[n], {}, batch())[0].logits
        for n, m in (("a", A), ("b", B))
    }
    for name, other, model in (("a", "b", A), ("b", "a", B)):

        def loss(params, model=model, other=other):
            z = model.apply(params, {}, batch())[0].logits
            hard = losses.cross_entropy(z, batch()["label"]).mean()
            return hard + losses.kl(z, logits[other]).mean()

        slope = jax.grad(loss)(state.params[name])
        wanted = jax.tree.map(lambda p, g: p - 0.3 * g, state.params[name], slope)
        assert close(moved.params[name], wanted)


def test_one_of_them_leaves_as_a_network_of_its_own():
    learner = train.learner(BOTH, mutual(), optax.sgd(0.3))
    done = learner.finish(jax.jit(learner.init)(jax.random.key(0), batch()))
    one = Frozen(done.params["b"], done.state["b"])
    assert B.apply(*one, batch())[0].logits.shape == (8, 3)


def test_dropout_differs_between_them_and_one_network_is_refused():
    drop = models.mlp(widths=(50,), classes=3, dropout=0.5)
    both = models.peers(a=drop, b=drop)
    params, state = jax.jit(both.init)(jax.random.key(0), batch())
    same = {"a": params["a"], "b": params["a"]}
    out, _ = both.apply(same, state, batch(), train=True, key=jax.random.key(1))
    assert not np.array_equal(out.features["a/logits"], out.features["b/logits"])
    assert jnp.isfinite(out.logits).all()
    with pytest.raises(ValueError, match=r"two networks or more, got \['a'\]"):
        models.peers(a=drop)
