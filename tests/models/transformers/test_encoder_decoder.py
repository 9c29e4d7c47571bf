"""The encoder-decoder against a float64 transcription, and what it promises."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops, tree
from jdistill.language import continued, generate, greedy
from jdistill.models import EncoderDecoderConfig, encoder_decoder
from jdistill.models.transformers._relative import bucket_table
from jdistill.typing import Frozen
from tests.models.transformers.encoder_decoder_reference import bucket, write

SIZES = dict(vocab=30, dim=8, depth=2, heads=2, head_dim=3, mlp_dim=12, decoder_depth=3)
FORMS = {
    "1.0": {},
    "1.1": dict(gated=True, activation="gelu_tanh", tied=False, scaled=False),
    "near": dict(buckets=8, max_distance=6),
}
TAPS = ("source_embed", "source_layers", "source_hidden", "embed", "layers")
RANDOM = np.random.default_rng(0)
SOURCE = RANDOM.integers(2, 30, (2, 11))
INPUTS = np.concatenate([np.zeros((2, 1), int), RANDOM.integers(2, 30, (2, 8))], 1)
BATCH = {"source": SOURCE, "inputs": INPUTS}


@functools.cache
def make(form, **options):
    """A model of large random weights, so that each part matters."""
    config = EncoderDecoderConfig(**SIZES | FORMS[form])
    model = encoder_decoder(config, taps=TAPS, **options)
    shapes, _ = jax.eval_shape(model.init, jax.random.key(0), BATCH)
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda p: draw(0, 0.5, p.shape).astype("f4"), shapes)
    return config, model._replace(apply=jax.jit(model.apply)), params


def logits_of(form, **batch):
    _, model, params = make(form)
    return np.asarray(model.apply(params, {}, BATCH | batch)[0].logits)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_equals_its_equations(form):
    config, _, params = make(form)
    wide = jax.tree.map(lambda p: p.astype("f8"), params)
    for got, source, inputs in zip(logits_of(form), SOURCE, INPUTS, strict=True):
        wanted = write(config, wide, source, inputs)
        np.testing.assert_allclose(got, wanted, atol=2e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("sizes", [(32, 128), (8, 6), (16, 9), (4, 3)])
@pytest.mark.parametrize("both_ways", [True, False])
def test_distances_are_in_the_buckets_of_the_paper(sizes, both_ways):
    number, most = sizes
    table = bucket_table(number, most, both_ways=both_ways)
    wanted = [bucket(d, number, most, both_ways) for d in range(-most, most + 1)]
    assert table.tolist() == wanted
    if sizes == (32, 128):  # as the paper's code has them
        ends = [0, 7, 8, 11, 12, 16, 23, 32, 64, 127, 128]
        found = table[128 + np.array(ends)].tolist()
        if both_ways:
            assert found == [0, 7, 8, 8, 9, 10, 11, 12, 14, 15, 15]
            assert table[0] == 31 and table[127] == 17
        else:
            assert found == [0, 7, 8, 11, 12, 16, 18, 21, 26, 31, 31]


@pytest.mark.parametrize("before", [True, False])
def test_padding_of_either_side_changes_nothing(before):
    wanted = logits_of("near")
    wide = ((0, 0), (3, 0) if before else (0, 3))
    padded = {
        "source": np.pad(SOURCE, wide, constant_values=7),
        "source_mask": np.pad(np.ones(SOURCE.shape), wide),
        "inputs": np.pad(INPUTS, wide, constant_values=-100),
        "token_mask": np.pad(np.ones(INPUTS.shape), wide),
    }
    got = logits_of("near", **padded)
    real = slice(3, None) if before else slice(0, INPUTS.shape[1])
    np.testing.assert_allclose(got[:, real], wanted, atol=1e-4)


def test_going_on_from_a_cache_equals_the_whole_pass():
    _, model, params = make("near")
    mask = np.arange(11)[None] < [[11], [6]]
    wanted = logits_of("near", source_mask=mask)
    batch = BATCH | {"source_mask": mask}
    step = jax.jit(model.decoding.step)
    cache = model.decoding.start(params, {}, batch, INPUTS.shape[1])
    # rows of 4 and 2 tokens first, then one at a time
    logits, cache = step(params, {}, cache, INPUTS[:, :4], jnp.array([4, 2]))
    for done in range(5):
        for row, first in enumerate((4, 2)):
            at = first + done - 1
            np.testing.assert_allclose(logits[row], wanted[row, at], atol=1e-4)
        now = np.stack([INPUTS[0, 4 + done], INPUTS[1, 2 + done]])[:, None]
        logits, cache = step(params, {}, cache, now, jnp.array([1, 1]))
    assert list(cache["length"]) == [9, 7]


def test_what_is_written_is_the_same_with_and_without_a_cache():
    _, model, params = make("1.1")
    mask = np.arange(11)[None] < [[11], [6]]
    prompts = {"source": SOURCE, "source_mask": mask, "inputs": INPUTS[:, :1]}
    found = [
        jax.jit(functools.partial(generate, each, steps=6, choose=greedy))(
            Frozen(params), prompts, key=jax.random.key(0)
        )
        for each in (model, model._replace(decoding=None))
    ]
    np.testing.assert_array_equal(found[0].tokens, found[1].tokens)
    np.testing.assert_allclose(found[0].log_probs, found[1].log_probs, atol=1e-4)
    text = continued(prompts, found[0])
    wanted = logits_of("1.1", **text).argmax(-1)
    np.testing.assert_array_equal(wanted, text["label"])


def test_what_is_computed_again_gives_the_same_gradient():
    config, model, params = make("1.1")
    again = encoder_decoder(config, remat="full")

    def gradient(model):
        std = lambda p: model.apply(p, {}, BATCH)[0].logits.std()  # noqa: E731
        return jax.jit(jax.grad(std))(params)

    got, wanted = gradient(again), gradient(model)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, wanted)
    assert all(np.any(x) for x in jax.tree.leaves(wanted))


def test_hidden_states_and_head_make_the_logits():
    for form in ("1.0", "1.1"):
        _, model, params = make(form)
        outputs = model.apply(params, {}, BATCH)[0]
        logits = outputs.hidden @ model.head(params)
        np.testing.assert_allclose(logits, outputs.logits, rtol=1e-4, atol=1e-5)


def test_taps_are_what_layers_read_and_give():
    config, model, params = make("1.0")
    found = model.apply(params, {}, BATCH)[0].features
    assert {name: x.shape for name, x in found.items()} == {
        "source_embed": (2, 11, 8),
        "source_layers": (2, 2, 11, 8),
        "source_hidden": (2, 11, 8),
        "embed": (2, 9, 8),
        "layers": (3, 2, 9, 8),
    }
    last = np.asarray(found["layers"][-1])
    scale = params["decoder"]["norm"]["scale"] / np.sqrt(config.dim)
    hidden = last / np.sqrt((last**2).mean(-1, keepdims=True) + 1e-6) * scale
    np.testing.assert_allclose(
        hidden @ model.head(params), logits_of("1.0"), rtol=1e-4, atol=1e-4
    )
    with pytest.raises(ValueError, match=r"taps of an encoder-decoder are .*'source"):
        encoder_decoder(config, taps="encoder")


def test_the_weights_of_the_products_are_stacks_and_tables_are_looked_up():
    _, model, params = make("1.0")
    run = lambda params, batch: model.apply(params, {}, batch)[0].logits  # noqa: E731
    uses = ops.uses(run, params, BATCH)
    assert uses["decoder/layers/cross/key/kernel"].layers == (0,)
    assert uses["embed/embedding"].looked_up
    products = {path for path in tree.flatten(params) if path.endswith("kernel")}
    assert products | {"embed/embedding"} == set(uses)


def test_half_precision_is_near():
    _, model, params = make("1.1", dtype="bfloat16")
    outputs = model.apply(params, {}, BATCH)[0]
    assert outputs.logits.dtype == jnp.float32 and outputs.hidden.dtype == jnp.bfloat16
    wanted = logits_of("1.1").ravel()
    assert np.corrcoef(outputs.logits.ravel(), wanted)[0, 1] > 0.99


@pytest.mark.parametrize("name", ["source", "inputs"])
def test_an_id_outside_the_vocabulary_is_not_a_number(name):
    wrong = BATCH[name].copy()
    wrong[0, 3] = 30
    logits = logits_of("1.0", **{name: wrong})
    first = 0 if name == "source" else 3
    assert np.isnan(logits[0, first:]).all() and np.isfinite(logits[1]).all()


def test_new_weights_make_logits_near_one():
    config = EncoderDecoderConfig(**SIZES | dict(dim=64, head_dim=16))
    model = encoder_decoder(config)
    params, _ = jax.jit(model.init)(jax.random.key(0), BATCH)
    logits = jax.jit(model.apply)(params, {}, BATCH)[0].logits
    assert 0.5 < logits.std() < 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(heads=0), "heads must be a whole number from 1"),
        (dict(decoder_depth=0), "decoder_depth must be a whole number from 1"),
        (dict(activation="tanh"), "activation must be one of .*'relu'.*, got 'tanh'"),
        (dict(buckets=6), "buckets must be a multiple of 4, got 6"),
        (dict(max_distance=16), "max_distance must be above 16"),
        (dict(max_distance=10**12), "max_distance must be a whole number"),
        (dict(start=30), "start must be a whole number from 0 to 29"),
        (dict(norm_eps=0.0), "norm_eps must be above 0"),
    ],
)
def test_a_wrong_size_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        EncoderDecoderConfig(**SIZES | change)


def test_the_configuration_survives_plain_values():
    config = EncoderDecoderConfig(**SIZES | FORMS["1.1"])
    plain = json.loads(json.dumps(config.as_dict()))
    assert EncoderDecoderConfig(**plain) == config
    assert dataclasses.replace(config, decoder_depth=None).decoder_depth == 2
    with pytest.raises(
        ValueError, match=r"config: .*unexpected keyword argument 'max_"
    ):
        encoder_decoder(plain | {"max_steps": 3})


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"inputs": INPUTS}, "an encoder-decoder needs 'source' in its batch"),
        ({"source": SOURCE}, "needs 'inputs' in its batch, the ids of what it has wr"),
        (BATCH | {"source": SOURCE[:1]}, "1 sources are not those of 2 texts"),
        (BATCH | {"source": SOURCE[0]}, r"takes ids \[batch, steps\], got \(11,\)"),
        (BATCH | {"segment": INPUTS}, "reads one text a row, and no 'segment'"),
    ],
)
def test_a_batch_that_is_no_pair_is_one_line(batch, message):
    _, model, params = make("1.0")
    with pytest.raises(ValueError, match=message) as found:
        encoder_decoder(EncoderDecoderConfig(**SIZES)).apply(params, {}, batch)
    assert "\n" not in str(found.value)
    if "inputs" in batch:
        with pytest.raises(ValueError, match=message):
            model.decoding.start(params, {}, batch, 4)
