"""Taps: by name of a captured value, and by the weight of a product."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jdistill.models import from_function, from_linen, from_nnx, mlp, tap
from jdistill.models._taps import read_taps

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(7), (6, 4))
BATCH = {"inputs": X}


def test_a_name_with_one_call_is_its_value():
    assert read_taps(["a"], {"a": (1,), "b": (2,)}, dict) == {"a": 1}


def test_calls_of_a_shared_layer_are_told_apart():
    assert read_taps(["a", "a#1"], {"a": (1, 2)}, dict) == {"a": 1, "a#1": 2}


def test_a_call_too_many_is_an_error():
    with pytest.raises(ValueError, match=r"no tap 'a#2'.*\['a', 'a#1'\]"):
        read_taps(["a#2"], {"a": (1, 2)}, lambda: {"a": (1, 2)})


def test_a_missing_tap_lists_near_misses_and_all_names():
    everything = {"Block_0/Conv_0": (1,), "Dense_0": (1,)}
    with pytest.raises(ValueError) as error:
        read_taps(["Block_0/Conv_1"], {}, lambda: everything)
    assert str(error.value) == (
        "no tap 'Block_0/Conv_1'; did you mean 'Block_0/Conv_0'? "
        "valid names: ['Block_0/Conv_0', 'Dense_0']"
    )


def test_everything_is_not_asked_for_without_need():
    def refuse():
        raise AssertionError("asked")

    assert read_taps([], {}, refuse) == {}


def plain(params, x):
    return jax.nn.relu(x @ params["a"]) @ params["b"]


PARAMS = {
    "a": np.linspace(-1, 1, 12, dtype="f4").reshape(4, 3),
    "b": np.ones((3, 2), "f4"),
}


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.layers = nnx.List(
            [nnx.Linear(4, 3, rngs=rngs), nnx.Linear(3, 2, rngs=rngs)]
        )

    def __call__(self, x):
        return self.layers[1](nnx.relu(self.layers[0](x)))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (
            from_function(plain, init=lambda key, x: jax.tree.map(jnp.asarray, PARAMS)),
            "a",
        ),
        (from_nnx(NnxNet), "layers/0/kernel"),
        (mlp(widths=(3,), classes=2), "Dense_0/kernel"),
    ],
    ids=["function", "nnx", "linen"],
)
def test_the_tap_of_a_weight_is_its_product_in_any_framework(model, path):
    params, state = jax.jit(model.init)(KEY, BATCH)
    weight = params
    for name in path.split("/"):
        weight = weight[int(name) if name.isdigit() else name]
    plainly, _ = jax.jit(model.apply)(params, state, BATCH)
    outputs, after = jax.jit(tap(model, {"hidden": path}).apply)(params, state, BATCH)
    np.testing.assert_allclose(
        outputs.features["hidden"], np.asarray(X) @ np.asarray(weight), atol=1e-6
    )
    np.testing.assert_array_equal(outputs.logits, plainly.logits)
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_a_path_names_its_own_feature_and_joins_the_others():
    model = tap(mlp(widths=(3,), classes=2, taps="Dense_0"), ["Dense_0/kernel"])
    params, state = jax.jit(model.init)(KEY, BATCH)
    outputs, _ = model.apply(params, state, BATCH)
    assert list(outputs.features) == ["Dense_0", "Dense_0/kernel"]
    np.testing.assert_allclose(
        outputs.features["Dense_0"], outputs.features["Dense_0/kernel"], atol=1e-6
    )


def test_gradients_flow_through_the_tap_of_a_weight():
    model = tap(from_function(plain), "a")

    def total(params):
        return (model.apply(params, {}, BATCH)[0].features["a"] ** 2).sum()

    grads = jax.grad(total)(PARAMS)
    wanted = 2 * np.asarray(X).T @ (np.asarray(X) @ PARAMS["a"])
    np.testing.assert_allclose(grads["a"], wanted, rtol=1e-4, atol=1e-5)
    assert (grads["b"] == 0).all()


def test_modes_keys_and_state_pass_through_a_tap():
    model = mlp(widths=(3,), classes=2, dropout=0.5)
    params, state = jax.jit(model.init)(KEY, BATCH)
    wanted, _ = model.apply(params, state, BATCH, train=True, key=KEY)
    tapped = tap(model, "Dense_1/kernel")
    outputs, _ = tapped.apply(params, state, BATCH, train=True, key=KEY)
    np.testing.assert_allclose(outputs.logits, wanted.logits, atol=1e-6)


def test_a_weight_used_twice_has_two_taps():
    model = from_function(lambda p, x: x @ p["a"] @ p["a"])
    params = {"a": 2 * jnp.eye(4)}
    outputs, _ = tap(model, ["a", "a#1"]).apply(params, {}, BATCH)
    np.testing.assert_allclose(outputs.features["a"], 2 * X, rtol=1e-6)
    np.testing.assert_allclose(outputs.features["a#1"], 4 * X, rtol=1e-6)


def test_the_tap_of_a_weight_inside_a_scan_over_layers_is_the_stack():
    class Cell(nn.Module):
        @nn.compact
        def __call__(self, x, _):
            return nn.relu(nn.Dense(4, use_bias=False, name="dense")(x)), None

    class Stacked(nn.Module):
        @nn.compact
        def __call__(self, x):
            layers = nn.scan(
                nn.remat(Cell), {"params": 0}, split_rngs={"params": True}, length=3
            )
            return layers(name="layers")(x, None)[0]

    model = tap(from_linen(Stacked()), {"hidden": "layers/dense/kernel"})
    params, state = jax.jit(model.init)(KEY, BATCH)
    outputs, _ = jax.jit(model.apply)(params, state, BATCH)
    x, wanted = np.asarray(X), []
    for kernel in np.asarray(params["layers"]["dense"]["kernel"]):
        wanted.append(x @ kernel)
        x = np.maximum(wanted[-1], 0)
    np.testing.assert_allclose(outputs.features["hidden"], wanted, atol=1e-5)


def test_a_product_in_a_loop_over_time_is_refused():
    def recur(params, x):
        return jax.lax.scan(lambda h, _: (h @ params["a"], None), x, None, length=3)[0]

    with pytest.raises(ValueError, match=r"cannot tap 'a'.*loop over time"):
        tap(from_function(recur), "a").apply({"a": jnp.eye(4)}, {}, BATCH)


def test_a_weight_that_does_not_exist_lists_those_that_do():
    model = tap(mlp(widths=(3,), classes=2), "Dense_0/kernal")
    params, state = jax.eval_shape(model.init, KEY, BATCH)
    with pytest.raises(ValueError) as error:
        jax.eval_shape(model.apply, params, state, BATCH)
    assert "'Dense_0/kernal'" in str(error.value)
    assert "did you mean 'Dense_0/kernel'" in str(error.value)
    assert "'Dense_1/kernel'" in str(error.value)


def test_a_weight_tap_that_nobody_reads_costs_nothing():
    model = from_function(plain)

    def operations(model):
        def logits(params, x):
            return model.apply(params, {}, {"inputs": x})[0].logits

        text = jax.jit(logits).lower(PARAMS, X).compile().as_text()
        return re.findall(r"= (\S+ [\w-]+\()", text)

    assert len(operations(model)) > 3
    assert operations(tap(model, "a")) == operations(model)
