"""A linen module is a Model: modes, state, keys, masks and taps."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.models import from_linen
from jdistill.typing import Outputs

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(7), (6, 4))


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(3, name="first")(x)
        x = nn.BatchNorm(momentum=0.0, name="norm")(x, use_running_average=not train)
        return nn.Dense(2, name="last")(nn.relu(x))


class Noisy(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic: bool = True):
        return nn.Dropout(0.5)(nn.Dense(2)(x), deterministic=deterministic)


def start(model, batch):
    return jax.jit(model.init)(KEY, batch)


def dense(params, x):
    return np.asarray(x) @ np.asarray(params["kernel"]) + np.asarray(params["bias"])


def test_a_module_without_a_mode_gives_its_logits():
    module = nn.Dense(2)
    model = from_linen(module)
    params, state = start(model, {"inputs": X})
    outputs, after = model.apply(params, state, {"inputs": X}, train=True)
    assert state == after == {}
    np.testing.assert_allclose(outputs.logits, dense(params, X), rtol=1e-5, atol=1e-6)


def test_batch_statistics_change_in_training_only():
    model = from_linen(Normed())
    batch = {"inputs": X}
    params, state = start(model, batch)
    _, trained = model.apply(params, state, batch, train=True)
    _, rested = model.apply(params, state, batch)
    hidden = dense(params["first"], X)
    stats = trained["batch_stats"]["norm"]
    np.testing.assert_allclose(stats["mean"], hidden.mean(0), atol=1e-6)
    np.testing.assert_allclose(stats["var"], hidden.var(0), atol=1e-6)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, rested, state))


@pytest.mark.parametrize("garbage", [0.0, 100.0])
def test_padding_changes_neither_statistics_nor_real_logits(garbage):
    model = from_linen(Normed())
    params, state = start(model, {"inputs": X})
    padded = {
        "inputs": jnp.concatenate([X, jnp.full((3, 4), garbage)]),
        "mask": jnp.array([1.0] * 6 + [0.0] * 3),
    }
    plain, wanted = model.apply(params, state, {"inputs": X}, train=True)
    outputs, after = model.apply(params, state, padded, train=True)
    np.testing.assert_allclose(outputs.logits[:6], plain.logits, atol=1e-6)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_batch_of_nothing_but_padding_changes_no_statistics():
    model = from_linen(Normed())
    params, state = start(model, {"inputs": X})
    batch = {"inputs": X, "mask": jnp.zeros(6)}
    outputs, after = model.apply(params, state, batch, train=True)
    assert jnp.isfinite(outputs.logits).all()
    assert jax.tree.all(jax.tree.map(jnp.array_equal, after, state))


def test_statistics_over_folded_examples_are_refused_with_a_mask():
    class Folded(nn.Module):
        @nn.compact
        def __call__(self, x, train: bool):
            return nn.BatchNorm(use_running_average=not train)(x.reshape(-1, 2))

    model = from_linen(Folded())
    params, state = start(model, {"inputs": X})
    batch = {"inputs": X, "mask": jnp.ones(6)}
    with pytest.raises(ValueError, match=r"'BatchNorm_0'.*pass mask= to that layer"):
        model.apply(params, state, batch, train=True)
    assert model.apply(params, state, batch)[0].logits.shape == (12, 2)


def test_dropout_follows_the_key_and_the_mode():
    model = from_linen(Noisy())
    batch = {"inputs": X}
    params, state = start(model, batch)

    def logits(**kwargs):
        return model.apply(params, state, batch, **kwargs)[0].logits

    one = logits(train=True, key=jax.random.key(1))
    assert jnp.array_equal(one, logits(train=True, key=jax.random.key(1)))
    assert not jnp.array_equal(one, logits(train=True, key=jax.random.key(2)))
    assert (logits() != 0).all() and (one == 0).any()


def test_dropout_without_a_key_is_one_clear_error():
    model = from_linen(Noisy())
    params, state = start(model, {"inputs": X})
    with pytest.raises(ValueError, match=r"random numbers.*pass key="):
        model.apply(params, state, {"inputs": X}, train=True)


def test_a_token_mask_reaches_the_parameter_named_mask():
    class Masked(nn.Module):
        @nn.compact
        def __call__(self, tokens, mask=None):
            return (nn.Embed(5, 3)(tokens) * mask[..., None]).sum(1)

    model = from_linen(Masked())
    batch = {"inputs": jnp.array([[1, 2]]), "token_mask": jnp.array([[1.0, 0.0]])}
    params, state = start(model, batch)
    outputs, _ = model.apply(params, state, batch)
    np.testing.assert_allclose(outputs.logits[0], params["Embed_0"]["embedding"][1])


def test_several_inputs_are_passed_in_order():
    class Difference(nn.Module):
        @nn.compact
        def __call__(self, a, b, train=False):
            return nn.Dense(2, use_bias=False)(a - b)

    model = from_linen(Difference(), inputs=("left", "right"))
    batch = {"left": 2 * X, "right": X}
    params, state = start(model, batch)
    outputs, _ = model.apply(params, state, batch)
    np.testing.assert_allclose(
        outputs.logits, X @ params["Dense_0"]["kernel"], rtol=1e-5
    )


def test_a_batch_without_inputs_is_an_error():
    with pytest.raises(ValueError, match="reads 'inputs' from the batch"):
        from_linen(nn.Dense(2)).init(KEY, {"image": X})


class Head(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2, name="out")(nn.relu(nn.Dense(3, name="hidden")(x)))


class Layered(nn.Module):
    @nn.compact
    def __call__(self, x):
        shared = nn.Dense(4, name="shared")
        self.sow("intermediates", "seen", x)
        return Head(name="head")(shared(shared(x)))


def test_a_tap_is_the_output_of_the_module_at_its_path():
    model = from_linen(Layered(), taps=("head/hidden", "shared", "shared#1", "seen"))
    batch = {"inputs": X}
    params, state = start(model, batch)
    features = model.apply(params, state, batch)[0].features
    once = dense(params["shared"], X)
    twice = dense(params["shared"], once)
    wanted = dense(params["head"]["hidden"], twice)
    assert list(features) == ["head/hidden", "shared", "shared#1", "seen"]
    np.testing.assert_allclose(features["shared"], once, rtol=1e-5)
    np.testing.assert_allclose(features["shared#1"], twice, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(features["head/hidden"], wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(features["seen"], X)


def test_a_tap_that_does_not_exist_lists_the_valid_names():
    model = from_linen(Layered(), taps="head/hiden")
    params, state = start(model, {"inputs": X})
    with pytest.raises(ValueError) as error:
        model.apply(params, state, {"inputs": X})
    assert "no tap 'head/hiden'; did you mean 'head/hidden'" in str(error.value)
    assert "'shared#1'" in str(error.value)


def test_a_tap_that_nobody_reads_costs_nothing():
    batch = {"inputs": X}

    def compiled(model):
        params, state = start(model, batch)

        def logits(p, x):
            return model.apply(p, state, {"inputs": x}, train=True)[0].logits

        return jax.jit(logits).lower(params, X).compile()

    operations = [
        re.findall(
            r"= (\S+ [\w-]+\()", compiled(from_linen(Normed(), taps=taps)).as_text()
        )
        for taps in ((), ("first", "norm"))
    ]
    assert len(operations[0]) > 5
    assert operations[0] == operations[1]


def test_gradients_reach_the_parameters_through_a_tap():
    model = from_linen(Layered(), taps="head/hidden")
    batch = {"inputs": X}
    params, state = start(model, batch)
    grads = jax.grad(
        lambda p: model.apply(p, state, batch)[0].features["head/hidden"].sum()
    )(params)
    assert (grads["shared"]["kernel"] != 0).any()
    assert (grads["head"]["out"]["kernel"] == 0).all()


def test_a_tap_inside_a_scan_over_layers_is_the_stack():
    class Cell(nn.Module):
        @nn.compact
        def __call__(self, x, _):
            return nn.relu(nn.Dense(4, name="dense")(x)), None

    class Stacked(nn.Module):
        @nn.compact
        def __call__(self, x):
            axes = {"params": 0, "intermediates": 0}
            layers = nn.scan(
                nn.remat(Cell), axes, split_rngs={"params": True}, length=3
            )
            return layers(name="layers")(x, None)[0]

    model = from_linen(Stacked(), taps="layers/dense")
    params, state = start(model, {"inputs": X})
    outputs, _ = jax.jit(model.apply)(params, state, {"inputs": X})
    x, wanted = X, []
    for layer in range(3):
        own = {name: p[layer] for name, p in params["layers"]["dense"].items()}
        wanted.append(dense(own, x))
        x = np.maximum(wanted[-1], 0)
    np.testing.assert_allclose(
        outputs.features["layers/dense"], wanted, rtol=1e-5, atol=1e-6
    )


def test_outputs_of_a_module_keep_their_features():
    class Own(nn.Module):
        @nn.compact
        def __call__(self, x):
            return Outputs(nn.Dense(2, name="dense")(x), {"twice": 2 * x})

    model = from_linen(Own(), taps="dense")
    params, state = start(model, {"inputs": X})
    outputs, _ = model.apply(params, state, {"inputs": X})
    assert sorted(outputs.features) == ["dense", "twice"]
    assert outputs.features["dense"] is not None


def test_collections_that_grow_are_no_state():
    class Sowing(nn.Module):
        @nn.compact
        def __call__(self, x):
            count = self.variable("counts", "calls", lambda: jnp.zeros(()))
            if not self.is_initializing():
                count.value += 1
            self.sow("losses", "balance", x.sum())
            return nn.Dense(2)(x)

    model = from_linen(Sowing())
    params, state = start(model, {"inputs": X})
    assert list(state) == ["counts"]
    for calls in (1, 2):
        _, state = model.apply(params, state, {"inputs": X})
        assert state["counts"]["calls"] == calls
    assert list(state) == ["counts"]


def test_hidden_states_that_a_module_returns_are_kept():
    class Hidden(nn.Module):
        @nn.compact
        def __call__(self, x):
            return Outputs(nn.Dense(2)(x), hidden=2 * x)

    model = from_linen(Hidden(), taps="Dense_0")
    outputs, _ = model.apply(*start(model, {"inputs": X}), {"inputs": X})
    np.testing.assert_array_equal(outputs.hidden, 2 * X)
    assert list(outputs.features) == ["Dense_0"]


class Seen(nn.Module):
    grey: bool = False
    kind: type[nn.Module] = nn.Conv

    @nn.compact
    def __call__(self, x):
        x = x[..., None] if self.grey else x
        return self.kind(2, (3, 3))(x).reshape(len(x), -1)


@pytest.mark.parametrize("kind", [nn.Conv, nn.ConvLocal, nn.ConvTranspose])
def test_images_without_a_channel_are_not_taken_for_one_example(kind):
    batch = {"inputs": jnp.ones((5, 8, 8))}
    model = from_linen(Seen(kind=kind))
    said = r"'.*_0' takes inputs \[5, 8, 8\] for one example .* x\[\.\.\., None\]"
    with pytest.raises(ValueError, match=said):
        model.init(KEY, batch)
    whole = from_linen(Seen(grey=True, kind=kind))
    variables = start(whole, batch)
    assert whole.apply(*variables, batch)[0].logits.shape == (5, 128)
    with pytest.raises(ValueError, match=said):
        model.apply(*variables, batch)


def test_a_convolution_that_is_mapped_over_the_examples_is_left_alone():
    class Mapped(nn.Module):
        @nn.compact
        def __call__(self, x):
            conv = nn.vmap(
                nn.Conv, variable_axes={"params": None}, split_rngs={"params": False}
            )
            return conv(2, (3, 3))(x).reshape(len(x), -1)

    batch = {"inputs": jnp.ones((5, 8, 8, 1))}
    model = from_linen(Mapped())
    assert model.apply(*start(model, batch), batch)[0].logits.shape == (5, 128)
