"""An nnx module is a Model: modes, state, keys, masks and taps."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jdistill import tree
from jdistill.models import from_nnx
from jdistill.typing import Outputs

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(7), (6, 4))


class Block(nnx.Module):
    def __init__(self, dim, rngs):
        self.linear = nnx.Linear(dim, dim, rngs=rngs)
        self.norm = nnx.BatchNorm(dim, momentum=0.0, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.drop(nnx.relu(self.norm(self.linear(x))))


class Net(nnx.Module):
    def __init__(self, rngs, blocks=2):
        self.blocks = nnx.List([Block(4, rngs) for _ in range(blocks)])
        self.out = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(x)


def net(**kwargs):
    model = from_nnx(Net, **kwargs)
    return model, *jax.jit(model.init)(KEY, {"inputs": X})


def dense(params, x):
    return np.asarray(x) @ np.asarray(params["kernel"]) + np.asarray(params["bias"])


def test_parameters_and_state_are_plain_arrays_by_path():
    _, params, state = net()
    assert "blocks/0/linear/kernel" in tree.flatten(params)
    assert tree.count(params) == 2 * (4 * 4 + 4 + 2 * 4) + 4 * 3 + 3
    assert sorted(tree.flatten(state)) == [
        f"blocks/{n}/norm/{name}" for n in (0, 1) for name in ("mean", "var")
    ]
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))


def test_parameters_of_an_existing_module_are_taken_as_they_are():
    module = Net(nnx.Rngs(3))
    _, _, state = nnx.state(module, nnx.Param, nnx.RngState, ...)
    outputs, _ = from_nnx(Net).apply(nnx.state(module, nnx.Param), state, {"inputs": X})
    module.eval()
    np.testing.assert_allclose(outputs.logits, module(X), rtol=1e-6)


def test_batch_statistics_change_in_training_only_and_keep_their_form():
    model, params, state = net()
    apply = jax.jit(model.apply, static_argnames="train")
    _, trained = apply(params, state, {"inputs": X}, train=True, key=KEY)
    _, rested = apply(params, state, {"inputs": X})
    hidden = dense(params["blocks"][0]["linear"], X)
    stats = trained["blocks"][0]["norm"]
    np.testing.assert_allclose(stats["mean"], hidden.mean(0), atol=1e-6)
    assert jax.tree.structure(trained) == jax.tree.structure(state)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, rested, state))


@pytest.mark.parametrize("garbage", [0.0, 100.0])
def test_padding_changes_no_statistics(garbage):
    model, params, state = net()
    apply = jax.jit(
        lambda batch: model.apply(params, state, batch, train=True, key=KEY)
    )
    padded = {
        "inputs": jnp.concatenate([X, jnp.full((3, 4), garbage)]),
        "mask": jnp.array([1.0] * 6 + [0.0] * 3),
    }
    wanted = apply({"inputs": X})[1]["blocks"][0]
    after = apply(padded)[1]["blocks"][0]
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_batch_of_nothing_but_padding_changes_no_statistics():
    model, params, state = net()
    batch = {"inputs": X, "mask": jnp.zeros(6)}
    _, after = model.apply(params, state, batch, train=True, key=KEY)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, after, state))


def test_dropout_follows_the_key_and_the_mode():
    model = from_nnx(lambda rngs: nnx.Dropout(0.5, rngs=rngs))
    params, state = model.init(KEY, {"inputs": X})
    assert tree.count(params) == tree.count(state) == 0

    def logits(**kwargs):
        return model.apply(params, state, {"inputs": X}, **kwargs)[0].logits

    one = logits(train=True, key=jax.random.key(1))
    assert jnp.array_equal(one, logits(train=True, key=jax.random.key(1)))
    assert not jnp.array_equal(one, logits(train=True, key=jax.random.key(2)))
    assert jnp.array_equal(logits(), X)


def test_layers_draw_different_numbers():
    class Two(nnx.Module):
        def __init__(self, rngs):
            self.a = nnx.Dropout(0.5, rngs=nnx.Rngs(rngs.dropout()))
            self.b = nnx.Dropout(0.5, rngs=nnx.Rngs(rngs.dropout()))

        def __call__(self, x):
            return self.a(x) - self.b(x)

    model = from_nnx(Two)
    params, state = model.init(KEY, {"inputs": X})
    outputs, _ = model.apply(params, state, {"inputs": X}, train=True, key=KEY)
    assert (outputs.logits != 0).any()


def test_random_streams_without_a_key_are_one_clear_error():
    model, params, state = net()
    with pytest.raises(ValueError, match=r"random streams.*pass key="):
        model.apply(params, state, {"inputs": X}, train=True)


def test_a_tap_is_the_output_of_the_module_at_its_path():
    model, params, state = net(taps="blocks/1/linear")
    hidden = np.maximum(dense(params["blocks"][0]["linear"], X) / np.sqrt(1 + 1e-5), 0)
    outputs, _ = jax.jit(model.apply)(params, state, {"inputs": X})
    np.testing.assert_allclose(
        outputs.features["blocks/1/linear"],
        dense(params["blocks"][1]["linear"], hidden),
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_tap_that_does_not_exist_lists_the_valid_names():
    model, params, state = net(taps="blocks/0/liner")
    with pytest.raises(ValueError) as error:
        model.apply(params, state, {"inputs": X})
    assert "no tap 'blocks/0/liner'; did you mean 'blocks/0/linear'" in str(error.value)


def test_taps_and_masks_leave_the_classes_of_the_user_alone():
    model, params, state = net(taps="out")
    batch = {"inputs": X, "mask": jnp.ones(6)}
    model.apply(params, state, batch, train=True, key=KEY)
    module = Net(nnx.Rngs(0))
    assert type(module.blocks[0].norm) is nnx.BatchNorm
    module(X)
    assert not nnx.state(module, nnx.Intermediate)


def test_a_tap_that_nobody_reads_costs_nothing():
    texts = []

    def logits(model, params, state, x):
        return model.apply(params, state, {"inputs": x})[0].logits

    for taps in (), ("blocks/0", "out"):
        model, params, state = net(taps=taps)
        program = (
            jax.jit(logits, static_argnums=0)
            .lower(model, params, state, X)
            .compile()
            .as_text()
        )
        texts.append(re.findall(r"= (\S+ [\w-]+\()", program))
    assert len(texts[0]) > 5
    assert texts[0] == texts[1]


def test_a_batch_without_inputs_is_an_error():
    with pytest.raises(ValueError, match="reads 'inputs' from the batch"):
        from_nnx(Net).init(KEY, {"image": X})


def test_hidden_states_that_a_module_returns_are_kept():
    class Hidden(nnx.Module):
        def __init__(self, rngs):
            self.out = nnx.Linear(4, 2, rngs=rngs)

        def __call__(self, x):
            return Outputs(self.out(x), hidden=2 * x)

    model = from_nnx(Hidden)
    batch = {"inputs": np.ones((3, 4), np.float32)}
    outputs, _ = model.apply(*model.init(KEY, batch), batch)
    np.testing.assert_array_equal(outputs.hidden, 2 * batch["inputs"])


class _Wide(nnx.Module):
    def __init__(self, width, *, rngs):
        self.out = nnx.Linear(4, width, rngs=rngs)


@pytest.mark.parametrize(
    "factory, message",
    [
        (_Wide, "_Wide cannot be: missing a required argument: 'rngs'"),
        (lambda: _Wide(2, rngs=nnx.Rngs(0)), "cannot be: too many positional"),
    ],
)
def test_a_factory_that_rngs_alone_do_not_call_is_named(factory, message):
    with pytest.raises(TypeError, match=f"called with rngs alone, .*{message}"):
        from_nnx(factory)


def test_a_state_without_the_statistics_of_the_module_is_named():
    model, module = from_nnx(Net), Net(nnx.Rngs(0))
    given = nnx.state(module, nnx.Param), nnx.state(module, nnx.BatchStat)
    outputs, _ = model.apply(*given, {"inputs": X})
    assert outputs.logits.shape == (6, 3)
    with pytest.raises(ValueError, match=r"lacks blocks/0/norm/mean, .*BatchStat"):
        model.apply(given[0], {}, {"inputs": X})
