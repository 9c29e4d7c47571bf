"""A plain function is a Model, and equals the same network in linen and nnx."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jdistill.evaluate import predict
from jdistill.models import from_function, from_linen, from_nnx
from jdistill.typing import Frozen, Outputs

X = jax.random.normal(jax.random.key(7), (6, 4))
BATCH = {"inputs": X}


class LinenNet(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2, name="b")(nn.relu(nn.Dense(5, name="a")(x)))


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.a = nnx.Linear(4, 5, rngs=rngs)
        self.b = nnx.Linear(5, 2, rngs=rngs)

    def __call__(self, x):
        return self.b(nnx.relu(self.a(x)))


def plain(params, x):
    for name in ("a", "b"):
        x = x @ params[name]["kernel"] + params[name]["bias"][None]
        x = jax.nn.relu(x) if name == "a" else x
    return x


def test_the_same_network_in_three_frameworks_has_equal_outputs_and_gradients():
    params, _ = from_linen(LinenNet()).init(jax.random.key(0), BATCH)
    results = []
    for model in from_linen(LinenNet()), from_nnx(NnxNet), from_function(plain):

        def loss(params, model=model):
            logits = model.apply(params, {}, BATCH, train=True)[0].logits
            return (logits**2).sum(), logits

        (_, logits), grads = jax.value_and_grad(loss, has_aux=True)(params)
        results.append((logits, jax.tree.leaves(grads)))
    for logits, grads in results[1:]:
        np.testing.assert_allclose(logits, results[0][0], rtol=1e-6)
        assert len(grads) == 4
        for grad, first in zip(grads, results[0][1], strict=True):
            np.testing.assert_allclose(grad, first, rtol=1e-5, atol=1e-6)


def test_any_pytree_holds_the_parameters():
    model = from_function(lambda p, x: x * p[0] + p[1][0])
    outputs, state = model.apply((2.0, [3.0]), {}, BATCH, train=True)
    np.testing.assert_allclose(outputs.logits, 2 * X + 3, rtol=1e-6)
    assert state == {}


def test_init_gets_the_key_and_the_inputs():
    model = from_function(plain, init=lambda key, x: {"shape": x.shape, "key": key})
    params, state = model.init(3, BATCH)
    assert params == {"shape": (6, 4), "key": 3}
    assert state == {}


def test_a_model_without_init_says_what_to_do():
    with pytest.raises(ValueError, match=r"made without init; pass from_function"):
        from_function(plain).init(jax.random.key(0), BATCH)


def test_the_mode_the_key_and_the_mask_are_passed_to_those_who_take_them():
    def apply(params, x, *, train, key=None, mask=None):
        return Outputs(x, {"train": train, "key": key, "mask": mask})

    model = from_function(apply)
    batch = {"inputs": 1, "token_mask": 5, "mask": 6}
    outputs, _ = model.apply((), {}, batch, train=True, key=3)
    assert outputs.features == {"train": True, "key": 3, "mask": 5}


def test_a_key_without_a_default_is_none_in_evaluation():
    model = from_function(lambda params, x, key: Outputs(x, {"key": key}))
    assert model.apply((), {}, BATCH, train=True, key=3)[0].features == {"key": 3}
    assert model.apply((), {}, BATCH)[0].features == {"key": None}


def test_parameters_that_are_no_arrays_are_refused_with_the_mend():
    module = eqx.nn.MLP(4, 2, 8, 1, key=jax.random.key(0))
    model = from_function(lambda p, x: jax.vmap(p)(x), init=lambda key, x: module)
    said = "holds a custom_jvp at 'activation', and must hold arrays alone: eqx.part"
    with pytest.raises(TypeError, match=f"^params {said}"):
        model.init(jax.random.key(0), BATCH)
    with pytest.raises(TypeError, match=rf"^frozen\.params {said}"):
        predict(model, Frozen(module), [BATCH])


def test_the_arrays_of_an_equinox_module_are_parameters():
    module = eqx.nn.MLP(4, 2, 8, 1, key=jax.random.key(0))
    params, static = eqx.partition(module, eqx.is_array)
    model = from_function(lambda p, x: jax.vmap(eqx.combine(p, static))(x))
    found = predict(model, Frozen(params), [BATCH])
    np.testing.assert_allclose(found, jax.vmap(module)(X), rtol=1e-6)


def test_a_batch_without_inputs_is_an_error():
    with pytest.raises(ValueError, match="reads 'inputs' from the batch"):
        from_function(plain).apply({}, {}, {"image": jnp.ones(3)})
