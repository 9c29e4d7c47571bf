"""The encoder against a float64 transcription, and what it promises."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import losses, models, ops, train
from jdistill.models import EncoderConfig, encoder
from jdistill.objective import (
    combine,
    on_features,
    on_logits,
    on_vocabulary,
    token_mask,
)
from jdistill.typing import Frozen
from tests.models.transformers.encoder_reference import encode

SIZES = dict(vocab=30, dim=12, depth=2, heads=3, mlp_dim=20, max_steps=10)
THREE = dict(head="classes", labels=("a", "b", "c"))
FORMS = {
    "body": {},
    "bert": dict(head="vocabulary", norm_eps=1e-3),
    "untied": dict(head="vocabulary", tied=False, head_activation="relu"),
    "classes": THREE | dict(pooler="tanh"),
    "roberta": dict(position_offset=2, token_types=1, activation="relu", **THREE),
    "distilbert": THREE | dict(token_types=0, pooler="relu", activation="gelu_tanh"),
    "sentence": dict(head="sentence", pooling="mean", pooler="tanh"),
    "largest": dict(head="sentence", pooling="max", unit=False),
}
TOKENS = np.random.default_rng(1).integers(0, 30, (2, 9))
TYPES = (np.arange(9) > 4).astype(int)[None].repeat(2, 0)


def batch_of(config):
    return {"inputs": TOKENS, "token_type": TYPES * (config.token_types > 1)}


@functools.cache
def make(form, taps=()):
    """A model of large random weights, so that each part matters."""
    config = EncoderConfig(**SIZES | FORMS[form])
    model = encoder(config, taps=taps)
    shapes, _ = jax.eval_shape(model.init, jax.random.key(0), {})
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda p: draw(0, 0.5, p.shape).astype("f4"), shapes)
    return config, model._replace(apply=jax.jit(model.apply)), params


def made(outputs):
    return outputs.hidden if outputs.logits is None else outputs.logits


@pytest.mark.parametrize("form", FORMS)
def test_a_form_equals_its_equations(form):
    config, model, params = make(form)
    wide = jax.tree.map(lambda p: p.astype("f8"), params)
    batch = batch_of(config)
    got = made(model.apply(params, {}, batch)[0])
    for i, row in enumerate(got):
        wanted = encode(config, wide, TOKENS[i], batch["token_type"][i])
        np.testing.assert_allclose(row, wanted, atol=2e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("form", ["bert", "classes", "sentence", "largest"])
@pytest.mark.parametrize("side", ["before", "behind"])
def test_padding_changes_nothing(form, side):
    config, model, params = make(form)
    wanted = made(model.apply(params, {}, batch_of(config))[0])
    wide = ((0, 0), (1, 0) if side == "before" else (0, 1))
    batch = {
        "inputs": np.pad(TOKENS, wide, constant_values=-100),
        "token_type": np.pad(TYPES, wide),
        "token_mask": np.pad(np.ones(TOKENS.shape), wide),
    }
    got = made(model.apply(params, {}, batch)[0])
    if form == "bert":
        got = got[:, 1:] if side == "before" else got[:, :-1]
    np.testing.assert_allclose(got, wanted, atol=1e-5 * np.abs(wanted).max())


def test_a_row_of_padding_alone_has_no_nan():
    config, model, params = make("sentence")
    batch = batch_of(config) | {"token_mask": np.zeros(TOKENS.shape)}
    loss = lambda p: model.apply(p, {}, batch)[0].hidden.sum()  # noqa: E731
    value, slopes = jax.jit(jax.value_and_grad(loss))(params)
    assert value == 0
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))


def test_texts_packed_into_a_row_equal_separate_ones():
    _, model, params = make("bert")
    segment = np.array([[1] * 4 + [2] * 5])
    got = model.apply(params, {}, {"inputs": TOKENS[:1], "segment": segment})[0].logits
    for part in (slice(0, 4), slice(4, 9)):
        alone = model.apply(params, {}, {"inputs": TOKENS[:1, part]})[0].logits
        np.testing.assert_allclose(got[:, part], alone, atol=1e-4)
    _, model, params = make("classes")
    with pytest.raises(ValueError, match=r"packed into a row .* head='classes'"):
        model.apply(params, {}, {"inputs": TOKENS[:1], "segment": segment})


@pytest.mark.parametrize("form", ["bert", "untied", "classes"])
def test_hidden_states_and_head_make_the_logits(form):
    config, model, params = make(form)
    outputs = model.apply(params, {}, batch_of(config))[0]
    logits = outputs.hidden @ model.head(params)
    np.testing.assert_allclose(logits, outputs.logits, rtol=1e-4, atol=1e-4)
    bare = model._replace(apply=lambda *a, **k: model.apply(*a, **k))
    assert bare.head(params).shape == (13, config.logits)


@pytest.mark.parametrize("form", ["bert", "classes", "body"])
def test_a_padded_vocabulary_is_known_where_logits_are_of_ids(form):
    config = EncoderConfig(**SIZES | FORMS[form], words=20)
    assert encoder(config).words == (20 if form == "bert" else None)
    assert encoder(config.as_dict() | {"words": None}).words is None


def test_without_logits_there_is_no_head():
    assert make("body")[1].head is None and make("sentence")[1].head is None


def test_what_is_computed_again_gives_the_same_gradient():
    config, _, params = make("classes")

    def slopes(remat):
        model = encoder(config, remat=remat)
        loss = lambda p: model.apply(p, {}, batch_of(config))[0].logits.std()  # noqa: E731
        return jax.jit(jax.grad(loss))(params)

    wanted = slopes("none")
    for remat in ("full", "dots"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
            slopes(remat),
            wanted,
        )


def test_taps_are_what_each_layer_reads_and_gives():
    names = ("embed", "layers", "layer_1", "query_0", "value_1", "pooled")
    config, model, params = make("classes", names)
    outputs = model.apply(params, {}, batch_of(config))[0]
    taps = outputs.features
    assert set(taps) == set(names) and taps["layers"].shape == (2, 2, 9, 12)
    np.testing.assert_array_equal(taps["layer_1"], taps["layers"][1])
    own = jax.tree.map(lambda x: x[0], params["layers"]["attention"]["query"])
    query = taps["embed"] @ own["kernel"] + own["bias"][None, None]
    query = query.reshape(2, 9, 3, 4)
    np.testing.assert_allclose(taps["query_0"], query, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(taps["pooled"], outputs.hidden[:, :-1])
    with pytest.raises(
        ValueError, match=r"taps of this encoder are .*'value_1'.*, got"
    ):
        encoder(config, taps="layer_2")


def test_the_products_are_stacks_and_the_embedding_is_looked_up():
    config, model, params = make("bert")
    run = lambda params, batch: model.apply(params, {}, batch)[0].logits  # noqa: E731
    uses = ops.uses(run, params, batch_of(config))
    assert uses["layers/mlp/down/kernel"].layers == (0,)
    assert uses["embed/embedding"].looked_up
    assert {"transform/kernel", "layers/attention/out/kernel"} <= set(uses)


def test_half_precision_is_near():
    config, model, params = make("bert")
    wanted = model.apply(params, {}, batch_of(config))[0].logits
    half = jax.jit(encoder(config, dtype="bfloat16").apply)
    outputs = half(params, {}, batch_of(config))[0]
    assert outputs.logits.dtype == jnp.float32 and outputs.hidden.dtype == jnp.bfloat16
    assert np.corrcoef(outputs.logits.ravel(), wanted.ravel())[0, 1] > 0.999


def test_an_id_outside_the_vocabulary_is_not_a_number():
    config, model, params = make("classes")
    tokens = np.where(np.arange(9) == 4, [[30], [7]], TOKENS)
    logits = model.apply(params, {}, batch_of(config) | {"inputs": tokens})[0].logits
    assert np.isnan(logits[0]).all() and np.isfinite(logits[1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(heads=5), "heads must divide dim=12, got 5"),
        (dict(depth=0), "depth must be a whole number from 1"),
        (dict(words=31), "words must be a whole number from 1 to 30"),
        (dict(token_types=-1), "token_types must be a whole number from 0"),
        (dict(head="tokens"), "head must be one of"),
        (dict(pooling="last"), "pooling must be one of"),
        (dict(pooler="mish"), "pooler must be one of"),
        (dict(activation="mish"), "activation must be one of"),
        (dict(head="classes"), "labels are the names .* got 0 of them for head='clas"),
        (dict(labels=("a",)), "got 1 of them for head='none'"),
    ],
)
def test_a_wrong_size_or_word_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**SIZES | change)


def test_a_wrong_use_is_one_line():
    config, model, params = make("body")
    long = np.zeros((1, 11), int)
    with pytest.raises(ValueError, match="11 tokens are longer than the 10 positions"):
        model.apply(params, {}, {"inputs": long})
    with pytest.raises(ValueError, match=r"an encoder takes ids \[batch, steps\]"):
        model.apply(params, {}, {"inputs": TOKENS[0]})
    with pytest.raises(ValueError, match=r"config: .*unexpected keyword argument"):
        encoder(SIZES | {"dims": 3})
    plain = json.loads(json.dumps(config.as_dict()))
    assert EncoderConfig(**plain) == config


def test_a_smaller_encoder_learns_from_layers_relations_and_logits():
    three = [tuple(f"{x}_{i}" for x in ("query", "key", "value")) for i in (0, 1)]
    teacher = encoder(make("classes")[0], taps=("layer_1", *three[1]))
    given = Frozen(make("classes")[2])
    small = SIZES | FORMS["classes"] | dict(depth=1)
    student = encoder(small, taps=("layer_0", *three[0]))
    relations = functools.partial(losses.minilm, relation_heads=4)
    terms = combine(
        states=on_features(
            losses.hidden_state, student="layer_0", teacher="layer_1", per="token"
        ),
        relations=on_features(
            relations, student=three[0], teacher=three[1], token_mask=token_mask()
        ),
        kd=on_logits(losses.kl),
    )
    batch = {
        "inputs": jnp.asarray(TOKENS),
        "token_mask": jnp.asarray(np.arange(9)[None] < [[9], [6]], jnp.float32),
        "label": jnp.array([0, 2]),
    }
    recipe = train.learner(student, terms, optax.adam(1e-2), teacher=teacher)
    step = jax.jit(recipe.step)
    state = recipe.init(jax.random.key(0), batch, given)
    history = []
    for _ in range(40):
        state, metrics = step(state, batch, given)
        history.append(
            {name: total / count for name, (total, count) in metrics.items()}
        )
    for name in ("states", "relations", "kd"):
        assert history[-1][name] < 0.8 * history[0][name], name


def test_a_vocabulary_is_learned_from_hidden_states_alone():
    config, model, params = make("bert")
    batch = batch_of(config) | {"label": TOKENS, "label_mask": TYPES}
    logits = model.apply(params, {}, batch)[0].logits
    each = losses.cross_entropy(logits, jnp.asarray(TOKENS))
    recipe = train.learner(
        model, combine(ce=on_vocabulary(losses.cross_entropy, chunk=4)), optax.sgd(0.1)
    )
    state = recipe.init(jax.random.key(0), batch)._replace(params=params)
    after, metrics = jax.jit(recipe.step)(state, batch)
    total, count = metrics["ce"]
    np.testing.assert_allclose(total, (each * TYPES).sum(), rtol=1e-5)
    assert count == TYPES.sum()
    moved = np.abs(after.params["head"]["bias"] - params["head"]["bias"])
    assert (moved > 0).all()


def test_models_offers_it_by_name():
    assert models.encoder is encoder
