"""Networks of one's own, given to `load` again."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jdistill as jd
from jdistill.typing import Frozen

BATCH = {"inputs": jax.random.normal(jax.random.key(0), (5, 4))}


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(3)(x))
        return nn.Dense(2)(x)


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(4, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.last = nnx.List([nnx.Linear(3, 2, rngs=rngs)])

    def __call__(self, x):
        return self.last[0](self.norm(self.first(x)))


def equinox(**options):
    def net(key):
        return eqx.partition(eqx.nn.MLP(4, 2, 3, 1, key=key), eqx.is_array)

    _, static = net(jax.random.key(0))
    return jd.models.from_function(
        lambda params, x: jax.vmap(eqx.combine(params, static))(x), **options
    ), net(jax.random.key(1))[0]


def pair(params, x):
    return x @ params[0] + params[1][None]


OWN = {
    "linen": lambda: jd.models.from_linen(Linen()),
    "nnx": lambda: jd.models.from_nnx(Nnx),
    "equinox": lambda: equinox(init=lambda key, x: equinox()[1])[0],
    "a function of a dictionary": lambda: jd.models.from_function(
        lambda params, x: x @ params["a"]["w"],
        lambda key, x: {"a": {"w": jax.random.normal(key, (x.shape[1], 2))}},
    ),
    "a function of a tuple": lambda: jd.models.from_function(
        pair, lambda key, x: (jax.random.normal(key, (4, 2)), jnp.zeros(2))
    ),
}


def packed(path, model):
    frozen = Frozen(*jax.jit(model.init)(jax.random.key(3), BATCH))
    jd.pack(path, frozen)
    return frozen, model.apply(*frozen, BATCH)[0].logits


@pytest.mark.parametrize("name", OWN)
def test_a_network_of_ones_own_predicts_what_it_did(tmp_path, name):
    model = OWN[name]()
    frozen, wanted = packed(tmp_path / "f", model)
    found = jd.load(tmp_path / "f", model=model)
    np.testing.assert_array_equal(found.predict(BATCH["inputs"]), wanted)
    assert jax.tree.structure(found.frozen) == jax.tree.structure(frozen)
    assert found.model is model
    assert repr(found).startswith(f"Loaded({model.name}, ")


def test_a_description_without_a_model_gives_classes_and_inputs(tmp_path):
    digits = jd.data.digits()
    model = jd.models.from_linen(nn.Sequential([lambda x: x.reshape(-1, 64), Linen()]))
    assert set(jd.describe(model, data=digits)) == {"classes", "inputs"}
    model = jd.models.from_function(
        lambda params, x: x.reshape(len(x), 64) @ params, lambda key, x: jnp.eye(64, 10)
    )
    frozen = Frozen(jnp.eye(64, 10))
    jd.pack(tmp_path / "f", frozen, description=jd.describe(model, data=digits))
    found = jd.load(tmp_path / "f", model=model)
    image = digits.test.take([0])["inputs"][0]
    assert found.predict(image).shape == (10,)
    assert found.classify(image, top=1)[0][0] in found.classes


def test_int8_activations_of_ones_own_network_are_rounded(tmp_path):
    model = OWN["linen"]()
    frozen, plain = packed(tmp_path / "f", model)
    ready = jd.models.observe_int8(model, frozen, [BATCH])
    jd.pack(tmp_path / "f", ready)
    wanted = jd.models.simulate_int8(model).apply(*ready, BATCH)[0].logits
    found = jd.load(tmp_path / "f", model=model).predict(BATCH["inputs"])
    np.testing.assert_array_equal(found, wanted)
    assert not np.array_equal(found, plain)


def test_variables_of_another_network_are_refused_without_data(tmp_path):
    packed(tmp_path / "f", OWN["nnx"]())
    with pytest.raises(ValueError, match="the network has no 'first/bias', and"):
        jd.load(tmp_path / "f", model=equinox(init=lambda key, x: equinox()[1])[0])
    frozen = Frozen({"w": jnp.ones(3)})
    jd.pack(tmp_path / "f", frozen)
    for like, said in (
        (
            Frozen({"w": jnp.ones(3), "z": 1.0}),
            "'z' of shape .*, and the file has no",
        ),
        (Frozen({"w": jnp.ones(2)}), r"'w' of shape \[2\], and the file of \[3\]"),
        (Frozen({}, {"w": 1.0}), r"no 'w', and the file of \[3\]"),
        (
            frozen._replace(state={"w": 1.0}),
            "'w' of shape .*, and the file has no",
        ),
    ):
        with pytest.raises(ValueError, match=said):
            jd.load(tmp_path / "f", model=OWN["linen"](), like=like)


def test_a_state_that_was_not_packed_is_asked_for(tmp_path):
    digits = jd.data.digits()
    model = jd.models.resnet(depth=8, width=4, classes=10)
    params, _ = jax.jit(model.init)(jax.random.key(0), digits.test.take([0]))
    encoded = jd.compress.identity().encode(params, (), ())
    jd.pack(tmp_path / "f", encoded, description=jd.describe(model))
    with pytest.raises(
        ValueError, match=r"has none: pack .* pack\(path, encoded, state"
    ):
        jd.load(tmp_path / "f")
    params, _ = OWN["nnx"]().init(jax.random.key(0), BATCH)
    jd.pack(tmp_path / "f", Frozen(params))
    with pytest.raises(
        ValueError, match=r"has none: pack .* pack\(path, encoded, state"
    ):
        jd.load(tmp_path / "f", model=OWN["nnx"]())


def test_what_a_file_says_of_its_inputs_is_held_against_the_network_at_once(tmp_path):
    about = {"inputs": {"shape": [4], "dtype": "float32"}}
    normed = OWN["linen"]()
    params, state = jax.jit(normed.init)(jax.random.key(0), BATCH)
    jd.pack(tmp_path / "f", Frozen(params), description=about)
    with pytest.raises(
        ValueError, match=r"for inputs \[1, 4\] .* has none: pack an enc"
    ):
        jd.load(tmp_path / "f", model=normed)
    jd.pack(tmp_path / "f", Frozen(params, state), description=about)
    assert jd.load(tmp_path / "f", model=normed).predict(BATCH).shape == (5, 2)
    with pytest.raises(ValueError, match=r"for inputs \[1, 4\] the network has "):
        jd.load(tmp_path / "f", model=OWN["a function of a dictionary"]())


def test_inputs_of_another_width_are_named_when_it_first_predicts(tmp_path):
    packed(tmp_path / "f", OWN["linen"]())
    found = jd.load(tmp_path / "f", model=OWN["linen"]())
    said = (
        r"for inputs \[5, 7\] the network has 'Dense_0/kernel' of shape \[7, 3\], and"
    )
    for _ in range(2):
        with pytest.raises(ValueError, match=said):
            found.predict(np.ones((5, 7)))
    assert found.predict(BATCH["inputs"]).shape == (5, 2)


@pytest.mark.parametrize(
    "init", [None, lambda key, x: (jnp.eye(x.shape[1], 2), jnp.zeros(2))]
)
def test_a_form_that_is_not_known_is_asked_for(tmp_path, init):
    model = jd.models.from_function(pair, init)
    frozen = Frozen((jnp.eye(4, 2), jnp.ones(2)))
    jd.pack(tmp_path / "f", frozen)
    with pytest.raises(ValueError, match=r"pass like=Frozen\(...\)") as caught:
        jd.load(tmp_path / "f", model=model).predict(BATCH["inputs"])
    assert "\n" not in str(caught.value)
    found = jd.load(tmp_path / "f", model=model, like=frozen)
    np.testing.assert_array_equal(
        found.predict(BATCH["inputs"]), BATCH["inputs"][:, :2] + 1
    )


def test_a_network_without_logits_says_so(tmp_path):
    hidden = jd.models.from_function(lambda params, x: jd.Outputs(hidden=x))
    jd.pack(tmp_path / "f", Frozen({"w": jnp.ones(1)}))
    with pytest.raises(ValueError, match="gives no logits"):
        jd.load(tmp_path / "f", model=hidden).predict(BATCH["inputs"])


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="Model"):
        jd.load("f", model=Linen())
