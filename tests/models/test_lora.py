import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import artifact, compress, losses, models, objective, train, tree
from jdistill.typing import Frozen

RANDOM = np.random.default_rng(0)
BATCH = {
    "inputs": jnp.asarray(RANDOM.normal(size=(6, 5, 8)), jnp.float32),
    "label": jnp.arange(6) % 3,
}
HARD = objective.combine(ce=objective.on_labels(losses.cross_entropy))
FROZEN_BASE = compress.freeze(where="base/.*")


class Layer(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        heads = nn.MultiHeadDotProductAttention(2, qkv_features=8)(x)
        return x + nn.Dense(8)(jnp.tanh(nn.Dense(12)(heads))), None


class Scanned(nn.Module):
    @nn.compact
    def __call__(self, x):
        layers = nn.scan(
            Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3
        )
        x, _ = layers(name="layers")(x, None)
        return nn.Dense(3)(x.mean(1))


def output_first(params, x):
    return jnp.tanh(x.mean(1) @ params["w"].T) @ params["v"]


NETS = {
    "linen, scan, heads": models.from_linen(Scanned()),
    "[out, in]": models.from_function(
        output_first,
        lambda key, x: {
            "w": jax.random.normal(key, (7, 8)),
            "v": jax.random.normal(key, (7, 3)),
        },
    ),
    "weight on the left": models.from_function(
        lambda p, x: (p["w"] @ jnp.swapaxes(x, 1, 2)).mean(-1),
        lambda key, x: {"w": jax.random.normal(key, (3, 8))},
    ),
}
each = pytest.mark.parametrize("name", NETS)


def begun(model, **options):
    net = models.lora(model, rank=2, **options)
    params, state = jax.jit(net.init)(jax.random.key(0), BATCH)
    return net, params, state


@each
def test_the_change_is_none_at_first_and_of_low_rank_then(name):
    model = NETS[name]
    net, params, state = begun(model, alpha=4.0)
    base = params["base"]
    plain = model.apply(base, state, BATCH)[0].logits
    np.testing.assert_allclose(
        net.apply(params, state, BATCH)[0].logits, plain, atol=1e-5
    )
    random = jax.tree.map(
        lambda x: jnp.asarray(RANDOM.normal(size=x.shape), jnp.float32), params["lora"]
    )
    found = net.apply({"base": base, "lora": random}, state, BATCH)[0].logits
    merged = tree.map_paths(lambda path, w: w + _change(path, w, random, name), base)
    wanted = model.apply(merged, state, BATCH)[0].logits
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4)
    assert np.abs(wanted - plain).max() > 0.1


def _change(path, w, adapters, name):
    """2 A B in the weight's own axes, by hand."""
    if path not in adapters:
        return jnp.zeros_like(w)
    a, b = np.float64(adapters[path]["a"]), np.float64(adapters[path]["b"])
    if name == "weight on the left" or (name == "[out, in]" and path == "w"):
        return jnp.asarray(2 * (a @ b).T, jnp.float32)
    lead = path.startswith("layers")
    into = a.shape[lead:-1]
    flat = 2 * np.matmul(
        a.reshape(*a.shape[:lead], -1, 2), b.reshape(*b.shape[:lead], 2, -1)
    )
    assert flat.size == w.size and np.prod(into) * np.prod(b.shape[lead + 1 :]) == (
        w.size // (w.shape[0] if lead else 1)
    )
    return jnp.asarray(flat.reshape(w.shape), jnp.float32)


@each
def test_only_adapters_train_and_only_they_have_moments(name):
    model = NETS[name]
    net = models.lora(model, rank=2)
    frozen = Frozen(*jax.jit(model.init)(jax.random.key(3), BATCH))
    start = models.lora_start(model, frozen, BATCH, key=jax.random.key(4), rank=2)
    recipe = train.learner(net, HARD, optax.adam(0.05), compression=FROZEN_BASE)
    state = jax.jit(recipe.init)(jax.random.key(0), BATCH, start=start)
    adapters = tree.num_bytes(start.params["lora"])
    assert tree.num_bytes(state.opt_state) == 2 * adapters + 4  # and a counter
    step, values = jax.jit(recipe.step), []
    for _ in range(12):
        state, metrics = step(state, BATCH)
        values.append(float(metrics["ce"][0]))
    assert values[-1] < 0.9 * values[0] and state.bad == -1
    jax.tree.map(np.testing.assert_array_equal, state.params["base"], frozen.params)


def test_adapters_are_packed_as_two_narrow_matrices(tmp_path):
    net, params, _ = begun(NETS["linen, scan, heads"])
    random = jax.tree.map(
        lambda x: jnp.asarray(RANDOM.normal(size=x.shape), jnp.float32), params["lora"]
    )
    layers = {path: 1 for path in random if path.startswith("layers")}
    encoded = compress.factors(random, scale=0.5, layers=layers)
    size = artifact.pack(tmp_path / "adapters.safetensors", encoded)
    assert size < tree.num_bytes(random) + 8000
    read = artifact.unpack(tmp_path / "adapters.safetensors")
    for path, form in read.encoded.items():
        assert isinstance(form, compress.Factors)
        change = np.asarray(compress.decode(form))
        assert change.ndim == 2 + (path in layers)
        assert np.linalg.matrix_rank(change.reshape(-1, *change.shape[-2:])[0]) == 2
    del net


def test_where_chooses_and_what_takes_no_adapter_is_named():
    net = models.lora(
        NETS["linen, scan, heads"], rank=2, where=".*(query|value)/kernel"
    )
    params, _ = jax.jit(net.init)(jax.random.key(0), BATCH)
    assert {path.split("/")[-2] for path in params["lora"]} == {"query", "value"}
    with pytest.raises(ValueError, match="'Dense_0/bias' is read by no single matrix"):
        models.lora(models.mlp(widths=(4,), classes=3), rank=2, where=".*").init(
            jax.random.key(0), BATCH
        )
    with pytest.raises(ValueError, match="rank must be a whole number from 1"):
        models.lora(NETS["[out, in]"], rank=0)
