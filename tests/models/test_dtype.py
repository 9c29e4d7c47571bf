import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core as extend

from jdistill import models
from jdistill.typing import Model, Outputs

RANDOM = np.random.default_rng(0)
IMAGES = {
    "inputs": jnp.asarray(RANDOM.normal(size=(4, 8, 8, 1)), jnp.float32),
    "mask": jnp.ones(4),
}
TOKENS = {
    "inputs": jnp.asarray(RANDOM.integers(0, 11, (4, 6))),
    "token_mask": jnp.ones((4, 6)),
}
SMALL = {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8}
NETS = {
    "mlp": (models.mlp(widths=(6,), classes=3), IMAGES),
    "resnet": (models.resnet(classes=3, depth=8, width=2), IMAGES),
    "vit": (models.vit(classes=3, patch=4, **SMALL), IMAGES),
    "encoder": (
        models.encoder_classifier(classes=3, vocab=11, steps=6, **SMALL), TOKENS,
    ),
    "ngrams": (models.ngram_classifier(classes=3, num_buckets=16, dim=4), TOKENS),
}  # fmt: skip


def products(model, params, state, batch):
    """The types of what every product and convolution reads."""

    def names(jaxpr):
        for eqn in jaxpr.eqns:
            if eqn.primitive.name in ("dot_general", "conv_general_dilated"):
                yield from (v.aval.dtype.name for v in eqn.invars)
            for inner in extend.jaxprs_in_params(eqn.params):
                yield from names(inner)

    def forward(params, state, batch):
        return model.apply(params, state, batch, train=True, key=jax.random.key(0))

    return set(names(jax.make_jaxpr(forward)(params, state, batch).jaxpr))


@pytest.mark.parametrize("name", NETS)
def test_every_product_reads_the_type_that_is_computed_in(name):
    model, batch = NETS[name]
    start = jax.eval_shape(model.init, jax.random.key(0), batch)
    assert products(model, *start, batch) == {"float32"}
    half = models.compute_in(model, "bfloat16")
    assert products(half, *start, batch) == {"bfloat16"}
    assert jax.eval_shape(half.init, jax.random.key(0), batch) == start
    _, after = jax.eval_shape(
        lambda p, s, b: half.apply(p, s, b, train=True, key=jax.random.key(1)),
        *start, batch,
    )  # fmt: skip
    assert after == start[1]


def test_the_result_is_that_of_casting_by_hand_and_gradients_stay_float32():
    plain = models.from_function(lambda p, x: jnp.tanh(x @ p["w"]) @ p["v"])
    half = models.compute_in(plain, "bfloat16")
    params = {
        "w": jnp.asarray(RANDOM.normal(size=(5, 4)), jnp.float32),
        "v": jnp.asarray(RANDOM.normal(size=(4, 3)), jnp.float32),
        "steps": jnp.int32(7),
    }
    batch = {"inputs": jnp.asarray(RANDOM.normal(size=(2, 5)), jnp.float32)}
    cast = {k: x.astype(jnp.bfloat16) for k, x in params.items() if k != "steps"}
    by_hand = jnp.tanh(batch["inputs"].astype(jnp.bfloat16) @ cast["w"]) @ cast["v"]
    found = half.apply(params, {}, batch)[0].logits
    assert found.dtype == jnp.bfloat16
    np.testing.assert_array_equal(found, by_hand)
    grads = jax.grad(
        lambda p: half.apply(p, {}, batch)[0].logits.astype(jnp.float32).sum(),
        allow_int=True,
    )(params)
    assert grads["w"].dtype == grads["v"].dtype == jnp.float32


def test_masks_labels_ids_and_the_state_keep_their_types():
    seen = {}

    def apply(params, state, batch, **_):
        seen.update({name: x.dtype.name for name, x in batch.items()})
        return Outputs(batch["inputs"] * params), {"mean": batch["inputs"].mean()}

    half = models.compute_in(Model(lambda key, batch: ((), {}), apply), "float16")
    batch = {
        name: jnp.ones(2) for name in ("mask", "token_mask", "label_mask", "label")
    }
    batch |= {"inputs": jnp.ones(2), "weight": jnp.ones(2), "id": jnp.arange(2)}
    batch |= {"gates": jnp.ones(2)}
    _, state = half.apply(jnp.ones(()), {"mean": jnp.zeros(())}, batch)
    halves = [name for name, kind in seen.items() if kind == "float16"]
    assert sorted(halves) == ["gates", "inputs"]
    assert (seen["id"], seen["mask"], state["mean"].dtype) == (
        "int32", "float32", jnp.float32,
    )  # fmt: skip


def test_a_head_is_of_the_same_type():
    net = models.offer_head(
        models.from_linen(nn.Dense(3, use_bias=False), taps="kernel"),
        hidden="kernel", weight="kernel",
    )  # fmt: skip
    half = models.compute_in(net, "bfloat16")
    assert half.head({"kernel": jnp.ones((2, 3))}).dtype == jnp.bfloat16
    assert models.compute_in(NETS["mlp"][0], "bfloat16").head is None


@pytest.mark.parametrize("kind", ["int8", "short", "None"])
def test_what_is_no_type_of_floats_is_refused(kind):
    with pytest.raises(ValueError, match=r"compute_dtype must be one of .*bfloat16"):
        models.compute_in(NETS["mlp"][0], kind)
