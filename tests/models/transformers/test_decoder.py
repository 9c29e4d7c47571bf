"""The decoder against a float64 transcription, and what it promises."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops
from jdistill.models import DecoderConfig, decoder
from tests.models.transformers.reference import decode

SIZES = dict(
    vocab=40, dim=12, depth=3, heads=4, kv_heads=2, head_dim=6, mlp_dim=20, max_steps=32
)
FAMILIES = {
    "llama": {},
    "untied": dict(tied=False),
    "qwen": dict(qkv_bias=True, theta=1e6, norm_eps=1e-6),
    "qwen3": dict(qk_norm=True),
    "gemma2": dict(
        post_norms=True,
        norm_offset=1.0,
        attention_cap=2.0,
        logit_cap=1.5,
        activation="gelu_tanh",
        window=(3, 0, 3),
        score_scale=0.2,
        embed_scale=3.5,
    ),
    "gemma3": dict(
        post_norms=True,
        norm_offset=1.0,
        qk_norm=True,
        activation="gelu_tanh",
        window=(4, 4, 0),
        theta=(1e4, 1e4, 1e6),
        position_factor=(1.0, 1.0, 8.0),
    ),
    "gpt2": dict(
        norm="layer",
        gated=False,
        activation="gelu_tanh",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        position_offset=0,
        rotary_dim=0,
        kv_heads=4,
    ),
    "opt": dict(
        norm="layer", gated=False, activation="relu", position_offset=2, rotary_dim=0
    ),
    "neox": dict(
        norm="layer", gated=False, activation="gelu", parallel=True, rotary_dim=2
    ),
    "smollm3": dict(theta=(1e4, 0.0, 1e4)),
}
TOKENS = np.random.default_rng(1).integers(0, 40, (2, 9))


def make(family, **changes):
    """A model of large random weights, so that each part matters."""
    config = DecoderConfig(**SIZES | FAMILIES[family] | changes)
    model = decoder(config)
    shapes, _ = jax.eval_shape(model.init, jax.random.key(0), {"inputs": TOKENS})
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda p: draw(0, 0.5, p.shape).astype("f4"), shapes)
    return config, model._replace(apply=jax.jit(model.apply)), params


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_equals_its_equations(family):
    config, model, params = make(family)
    wide = jax.tree.map(lambda p: p.astype("f8"), params)
    got = model.apply(params, {}, {"inputs": TOKENS})[0].logits
    for row, tokens in zip(got, TOKENS, strict=True):
        wanted = decode(config, wide, tokens)
        np.testing.assert_allclose(row, wanted, atol=2e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("family", ["gemma3", "opt"])
def test_going_on_from_a_cache_equals_the_whole_pass(family):
    _, model, params = make(family)
    wanted = model.apply(params, {}, {"inputs": TOKENS})[0].logits
    step = jax.jit(model.decoding.step)
    cache = model.decoding.start(params, {}, {"inputs": TOKENS}, 9)
    # rows of 5 and 3 tokens first, then one at a time
    logits, cache = step(params, {}, cache, TOKENS[:, :5], jnp.array([5, 3]))
    for done in range(4):
        for row, first in enumerate((5, 3)):
            at = first + done - 1
            np.testing.assert_allclose(logits[row], wanted[row, at], atol=1e-4)
        now = np.stack([TOKENS[0, 5 + done], TOKENS[1, 3 + done]])[:, None]
        logits, cache = step(params, {}, cache, now, jnp.array([1, 1]))
    assert list(cache["length"]) == [9, 7]


def test_texts_packed_into_a_row_equal_separate_ones():
    _, model, params = make("gemma3")
    segment = np.array([[1] * 4 + [2] * 5])
    got = model.apply(params, {}, {"inputs": TOKENS[:1], "segment": segment})[0].logits
    for part in (slice(0, 4), slice(4, 9)):
        alone = model.apply(params, {}, {"inputs": TOKENS[:1, part]})[0].logits
        np.testing.assert_allclose(got[:, part], alone, atol=1e-4)


@pytest.mark.parametrize("side", ["before", "behind"])
def test_padding_changes_nothing(side):
    _, model, params = make("gemma3")
    wanted = model.apply(params, {}, {"inputs": TOKENS})[0].logits
    wide = ((0, 0), (3, 0) if side == "before" else (0, 3))
    batch = {
        "inputs": np.pad(TOKENS, wide, constant_values=7),
        "token_mask": np.pad(np.ones(TOKENS.shape), wide),
    }
    got = model.apply(params, {}, batch)[0].logits
    real = slice(3, None) if side == "before" else slice(0, 9)
    np.testing.assert_allclose(got[:, real], wanted, atol=1e-4)


@pytest.mark.parametrize("remat", ["full", "dots"])
def test_what_is_computed_again_gives_the_same_gradient(remat):
    config, model, params = make("llama")

    def loss(model, params):
        return model.apply(params, {}, {"inputs": TOKENS})[0].logits.std()

    wanted = jax.jit(jax.grad(lambda p: loss(model, p)))(params)
    got = jax.jit(jax.grad(lambda p: loss(decoder(config, remat=remat), p)))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, wanted)


def test_the_weights_of_the_products_are_stacks_and_the_embedding_is_looked_up():
    _, model, params = make("llama")
    run = lambda params, batch: model.apply(params, {}, batch)[0].logits  # noqa: E731
    uses = ops.uses(run, params, {"inputs": TOKENS})
    assert uses["layers/mlp/down/kernel"].layers == (0,)
    assert uses["embed/embedding"].looked_up
    assert len(uses) == 8


def test_hidden_states_and_head_make_the_logits():
    _, model, params = make("untied")
    outputs = model.apply(params, {}, {"inputs": TOKENS})[0]
    logits = outputs.hidden @ model.head(params)
    np.testing.assert_allclose(logits, outputs.logits, rtol=1e-4, atol=1e-5)


def test_half_precision_is_near():
    config, model, params = make("llama")
    wanted = model.apply(params, {}, {"inputs": TOKENS})[0].logits
    outputs = decoder(config, dtype="bfloat16").apply(params, {}, {"inputs": TOKENS})[0]
    assert outputs.logits.dtype == jnp.float32 and outputs.hidden.dtype == jnp.bfloat16
    assert np.corrcoef(outputs.logits.ravel(), wanted.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("token", [-1, 40])
def test_an_id_outside_the_vocabulary_is_not_a_number(token):
    _, model, params = make("llama")
    tokens = TOKENS.copy()
    tokens[0, 4] = token
    logits = model.apply(params, {}, {"inputs": tokens})[0].logits
    assert np.isnan(logits[0, 4:]).all() and np.isfinite(logits[1]).all()


def test_a_padded_id_may_be_any():
    _, model, params = make("llama")
    batch = {"inputs": TOKENS, "token_mask": np.arange(9)[None] < [[4], [9]]}
    wanted = model.apply(params, {}, batch)[0].logits
    batch["inputs"] = np.where(batch["token_mask"], TOKENS, -100)
    got = model.apply(params, {}, batch)[0].logits
    np.testing.assert_allclose(got[:, :4], wanted[:, :4])


def test_llama_3_slows_only_what_turns_slowly():
    slow = dict(theta=5e5, rope_scaling=(8.0, 1.0, 4.0, 64.0))
    before = DecoderConfig(**SIZES | {"head_dim": 64} | slow | {"rope_scaling": None})
    ratio = (
        before.frequencies()
        / DecoderConfig(**SIZES | {"head_dim": 64} | slow).frequencies()
    )[0]
    turns = 64 * before.frequencies()[0] / (2 * np.pi)
    np.testing.assert_allclose(ratio[turns > 4], 1)
    np.testing.assert_allclose(ratio[turns < 1], 8, rtol=1e-6)
    middle = ratio[(turns > 1) & (turns < 4)]
    assert len(middle) and ((middle > 1) & (middle < 8)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(kv_heads=3), "kv_heads must divide heads=4, got 3"),
        (dict(norm="batch"), "norm must be one of"),
        (dict(activation="tanh"), "activation must be one of"),
        (dict(rotary_dim=5), "rotary_dim must be even"),
        (dict(window=(3, 0)), "window must be one number, or 3"),
        (dict(window=-1), "window must not be negative"),
        (dict(depth=0), "depth must be a whole number from 1"),
        (dict(depth=10**12), "depth must be a whole number from 1 to 10000"),
        (dict(dim=10**12), "dim must be a whole number from 1 to 2147483647"),
    ],
)
def test_a_wrong_size_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        DecoderConfig(**SIZES | change)


def test_the_configuration_survives_plain_values():
    scaled = {"rope_scaling": (8.0, 1.0, 4.0, 64.0)}
    config = DecoderConfig(**SIZES | FAMILIES["gemma3"] | scaled)
    plain = json.loads(json.dumps(config.as_dict()))
    assert DecoderConfig(**plain) == config
    assert dataclasses.replace(config, depth=3) == config
    shapes = [
        jax.eval_shape(decoder(given).init, jax.random.key(0), {})[0]
        for given in (config, plain)
    ]
    assert shapes[0] == shapes[1]
    with pytest.raises(
        ValueError, match=r"config: .*unexpected keyword argument 'dims'"
    ):
        decoder(plain | {"dims": 3})


def test_a_row_longer_than_the_learned_positions_is_refused():
    _, model, params = make("opt")
    long = np.zeros((1, 33), int)
    with pytest.raises(ValueError, match="33 tokens are longer than the 32 positions"):
        model.apply(params, {}, {"inputs": long})
    with pytest.raises(ValueError, match="room for 33 tokens"):
        model.decoding.start(params, {}, {"inputs": TOKENS}, 33)


def test_a_wrong_use_is_one_line():
    _, model, params = make("llama")
    with pytest.raises(ValueError, match=r"ids \[batch, steps\]"):
        model.apply(params, {}, {"inputs": TOKENS[0]})
    with pytest.raises(ValueError, match="remat must be one of"):
        decoder(DecoderConfig(**SIZES), remat="some")


def test_new_weights_make_logits_near_zero():
    _, model, _ = make("gemma3")
    params, _ = model.init(jax.random.key(0), {"inputs": TOKENS})
    logits = model.apply(params, {}, {"inputs": TOKENS})[0].logits
    assert 0 < jnp.abs(logits).max() < 3
