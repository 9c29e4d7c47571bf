"""Layers are compressed in the order of execution, each seeing the ones before."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jdistill import artifact, compress, data, models, ops, train, tree
from jdistill.typing import Compression, Frozen, Outputs

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(24, 6)) * np.array([1, 5, 0.1, 2, 1, 3])
BATCHES = [{"inputs": jnp.asarray(x, jnp.float32)} for x in np.split(X, 3)]


def kept(w, x, sparsity):
    """Wanda in float64, for `w` [in, out] and inputs [rows, in]."""
    score = np.abs(np.float64(w)) * np.sqrt((np.float64(x) ** 2).sum(0))[:, None]
    count = round((1 - sparsity) * len(w))
    order = np.argsort(-score, axis=0, kind="stable")
    return np.where(np.argsort(order, axis=0) < count, np.float64(w), 0)


def by_hand(weights, x, sparsity, between=lambda x: np.maximum(x, 0)):
    """Layer by layer; each sees what the pruned ones give."""
    found = []
    for w, bias in weights:
        found.append(kept(w, x, sparsity))
        x = between(x @ found[-1] + np.float64(bias))
    return found


def pruned(model, frozen, sparsity=0.5, batches=BATCHES, **options):
    c = compress.wanda(sparsity=sparsity, **options)
    return tree.flatten(train.compress_now(model, frozen, c, batches).frozen.params)


def test_a_perceptron_is_pruned_as_by_hand():
    model = models.mlp(widths=(8, 7), classes=5)
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    layers = [(v["kernel"], v["bias"]) for v in frozen.params.values()]
    found = pruned(model, frozen)
    for number, wanted in enumerate(by_hand(layers, X, 0.5)):
        np.testing.assert_allclose(found[f"Dense_{number}/kernel"], wanted, rtol=1e-6)
    dense = by_hand(layers[:1], X, 0.0)[0]
    hidden = np.maximum(X @ dense + np.float64(layers[0][1]), 0)
    assert not np.array_equal(
        kept(layers[1][0], hidden, 0.5), by_hand(layers, X, 0.5)[1]
    )


class Layer(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        x = nn.relu(nn.Dense(9)(x))
        return nn.relu(nn.Dense(6)(x)), None


class Stack(nn.Module):
    axis: int = 0

    @nn.compact
    def __call__(self, x, *, train=False):
        layers = nn.scan(
            nn.remat(Layer, prevent_cse=False),
            variable_axes={"params": self.axis},
            split_rngs={"params": True},
            length=3,
        )
        return nn.Dense(4)(layers(name="layers")(x, None)[0])


@pytest.mark.parametrize("axis", [0, 1])
def test_the_layers_of_a_scan_are_pruned_one_after_the_other(axis):
    model = models.from_linen(Stack(axis))
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    inner, head = frozen.params["layers"], frozen.params["Dense_0"]
    layers = [
        tuple(
            np.take(np.asarray(inner[name][leaf]), i, axis)
            for leaf in ("kernel", "bias")
        )
        for i in range(3)
        for name in ("Dense_0", "Dense_1")
    ]
    wanted = by_hand([*layers, (head["kernel"], head["bias"])], X, 0.5)
    if axis == 1:  # the way to the product is a transposition before the scan
        with pytest.raises(ValueError, match="hides which entries"):
            pruned(model, frozen)
        return
    found = pruned(model, frozen)
    for name, start in (("Dense_0", 0), ("Dense_1", 1)):
        np.testing.assert_allclose(
            found[f"layers/{name}/kernel"], np.stack(wanted[start:6:2]), rtol=1e-6
        )
    np.testing.assert_allclose(found["Dense_0/kernel"], wanted[-1], rtol=1e-6)


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["layers"], meta_fields=[]
)
class Plain:
    """Weights are [out, in]."""

    def __init__(self, layers):
        self.layers = layers


def test_weights_of_out_by_in_are_pruned_for_each_output():
    draw = np.random.default_rng(1).normal
    params = Plain([jnp.asarray(draw(size=s), jnp.float32) for s in ((8, 6), (3, 8))])

    def apply(params, batch):
        x = jnp.maximum(batch["inputs"] @ params.layers[0].T, 0)
        return Outputs(x @ params.layers[1].T)

    def whole(params, state, batch, *, train=False, key=None):
        return apply(params, batch), state

    model = models.mlp(widths=(), classes=2)._replace(apply=whole)
    found = pruned(model, Frozen(params))
    wanted = by_hand([(w.T, 0.0) for w in params.layers], X, 0.5)
    for number, w in enumerate(wanted):
        np.testing.assert_allclose(found[f"layers/{number}"], w.T, rtol=1e-6)


def test_padding_does_not_count():
    model = models.mlp(widths=(8,), classes=3)
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    padded = [
        {"inputs": jnp.concatenate([b["inputs"], jnp.full((5, 6), 1e3)]),
         "mask": jnp.asarray([1.0] * 8 + [0.0] * 5)}
        for b in BATCHES
    ]  # fmt: skip
    whole, found = pruned(model, frozen), pruned(model, frozen, batches=padded)
    unmasked = [{"inputs": b["inputs"]} for b in padded]
    other = pruned(model, frozen, batches=unmasked)
    for path in whole:
        np.testing.assert_array_equal(found[path], whole[path])
    assert not np.array_equal(other["Dense_0/kernel"], whole["Dense_0/kernel"])


def test_a_chain_is_calibrated_and_codes_are_seen_by_what_follows():
    model = models.mlp(widths=(8,), classes=3)
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    c = compress.chain(compress.wanda(sparsity=0.5), compress.fake_quant(bits=2))
    small = train.compress_now(model, frozen, c, BATCHES)
    forms = small.encoded.params
    assert type(forms["Dense_1/kernel"].values) is compress.Quantized
    first = np.float64(small.frozen.params["Dense_0"]["kernel"])
    hidden = np.maximum(X @ first + np.float64(frozen.params["Dense_0"]["bias"]), 0)
    wanted = kept(frozen.params["Dense_1"]["kernel"], hidden, 0.5) != 0
    np.testing.assert_array_equal(forms["Dense_1/kernel"].mask, wanted)


def test_statistics_of_one_layer_are_in_memory_at_a_time():
    """The program of a visit returns one layer's, whatever the length of the scan."""
    model = models.from_linen(Stack())
    frozen = Frozen(*model.init(KEY, BATCHES[0]))

    def forward(params, state, batch):
        return model.apply(params, state, batch, train=False)[0]

    args = (*frozen, BATCHES[0])
    found = ops.visits(forward, *args, paths={"layers/Dense_0/kernel"})
    assert [visit.index for visit in found] == [(0,), (1,), (2,)]
    call = ops.observe_visit(
        forward, found[0], statistics=(ops.input_squares,), rows=lambda *_: None
    )
    shapes = jax.eval_shape(call, jnp.zeros(1, int), *args)
    assert shapes["layers/Dense_0/kernel"]["sum_squares"].shape == (6, 9)
    text = str(jax.make_jaxpr(call)(jnp.zeros(1, int), *args))
    assert "3,6,9" in text and text.count("f32[3,6,9]") <= text.count("f32[3,9,6]") + 1


def test_what_has_no_statistics_gets_its_one_update():
    model = models.mlp(widths=(), classes=3)
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    c = compress.magnitude(sparsity=0.5)
    params = train.compress_now(model, frozen, c, BATCHES).frozen.params
    assert int((params["Dense_0"]["kernel"] == 0).sum()) == 9


def test_no_batches_and_inputs_that_are_not_finite_are_refused():
    model = models.mlp(widths=(8,), classes=3)
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    with pytest.raises(ValueError, match="no batches to compress with"):
        pruned(model, frozen, batches=[])
    bad = [{"inputs": jnp.full((2, 6), value)} for value in (1.0, np.nan)]
    with pytest.raises(ValueError, match="'Dense_0/kernel' read inputs that are not"):
        pruned(model, frozen, batches=bad)
    assert isinstance(compress.wanda(sparsity=0.5), Compression)


def test_what_is_packed_is_what_is_evaluated(tmp_path):
    model = models.mlp(widths=(8,), classes=3)
    frozen = Frozen(
        model.init(KEY, BATCHES[0])[0], {"stats": {"mean": np.ones(2, np.float32)}}
    )
    c = compress.chain(compress.magnitude(sparsity=0.5), compress.fake_quant())
    small = train.compress_now(model, frozen, c, BATCHES)
    assert small.frozen.state is frozen.state
    artifact.pack(tmp_path / "f", small.encoded)
    read = artifact.unpack(tmp_path / "f", like=small.frozen.params)
    jax.tree.map(np.testing.assert_array_equal, read.params, small.frozen.params)
    np.testing.assert_array_equal(read.state["stats"]["mean"], 1)


def test_examples_of_a_split_are_those_of_its_batches():
    model = models.mlp(widths=(8,), classes=3)
    frozen = Frozen(*model.init(KEY, BATCHES[0]))
    arrays = {"inputs": np.concatenate([b["inputs"] for b in BATCHES])}
    arrays["label"] = np.zeros(24, np.int32)
    whole = data.in_memory(arrays, classes=("a", "b"))
    found, wanted = pruned(model, frozen, batches=whole), pruned(model, frozen)
    for path in wanted:
        np.testing.assert_array_equal(found[path] == 0, wanted[path] == 0)
