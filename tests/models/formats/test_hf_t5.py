"""Folders of T5: the networks in them, what stands twice, and what is written back."""

import dataclasses
import functools
import json
import pathlib
import shutil

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jdistill.models import EncoderDecoderConfig, from_hf, to_hf
from jdistill.models.formats._hf_t5 import read_t5, t5_rows, write_t5
from jdistill.models.formats._rows import Source
from jdistill.tokenizers import from_json
from tests.models.formats.golden import assert_not_written
from tests.tokenizers.made import unigram

ROOT = pathlib.Path(__file__).parent / "encoder_decoders"
NAMES = sorted(path.name for path in ROOT.iterdir())
COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
SIZES = dict(
    vocab=61, dim=16, depth=3, decoder_depth=2, heads=4, head_dim=6, mlp_dim=24
)


@functools.cache
def golden(name):
    """A network with a batch and the logits that transformers computed of it."""
    stored = np.load(ROOT / name / "golden.npz")
    batch = {x: stored[x] for x in ("source", "source_mask", "inputs")}
    return from_hf(ROOT / name), batch, stored["logits"]


def said(name):
    return json.loads((ROOT / name / "config.json").read_text())


def altered(name, tmp_path, change=lambda arrays: arrays, **config):
    """A copy of a golden folder with other arrays and other words in config.json."""
    folder = tmp_path / "altered"
    shutil.copytree(ROOT / name, folder)
    words = {k: v for k, v in (said(name) | config).items() if v is not ...}
    (folder / "config.json").write_text(json.dumps(words))
    arrays = change(load_file(folder / "model.safetensors"))
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def same(one, other):
    alike = jax.tree.map(np.array_equal, one.frozen, other.frozen)
    return one.config == other.config and all(jax.tree.leaves(alike))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_transformers(name):
    read, batch, wanted = golden(name)
    run = jax.jit(lambda params, batch: read.model.apply(params, {}, batch)[0].logits)
    got = run(read.frozen.params, batch)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_going_on_from_a_cache_gives_the_logits_of_transformers():
    read, batch, wanted = golden("t5_1_1")
    params, decoding = read.frozen.params, read.model.decoding
    rows, steps = batch["inputs"].shape

    @jax.jit
    def by_fives(params):
        cache, found = decoding.start(params, {}, batch, steps), []
        for first in range(0, steps, 5):
            part = batch["inputs"][:, first : first + 5]
            logits, cache = decoding.step(params, {}, cache, part, np.full(rows, 5))
            found.append(logits)
        return found

    for i, got in enumerate(by_fives(params)):
        there = wanted[:, 5 * i + 4]
        np.testing.assert_allclose(got, there, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_written_bit_for_bit(name, tmp_path):
    read = golden(name)[0]
    to_hf(read, tmp_path / "out")
    theirs = load_file(ROOT / name / "model.safetensors")
    ours = load_file(tmp_path / "out" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(ours[k].tobytes() == v.tobytes() for k, v in theirs.items())
    assert same(from_hf(tmp_path / "out"), read)
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    different = {k for k, v in said(name).items() if written.get(k, v) != v}
    assert different <= {"tie_word_embeddings", "eos_token_id", "pad_token_id"}
    assert written["tie_word_embeddings"] == written["scale_decoder_outputs"]


def test_versions_are_told_apart_by_their_arrays(tmp_path):
    old, new = golden("t5")[0].config, golden("t5_1_1")[0].config
    assert old == EncoderDecoderConfig(**SIZES)
    assert new == dataclasses.replace(
        old,
        tied=False,
        scaled=False,
        gated=True,
        activation="gelu_tanh",
        buckets=8,
        max_distance=11,
    )


@pytest.mark.parametrize(
    "words",
    [  # of the hub, of a file that says it too late, and of one that says nothing
        dict(tie_word_embeddings=False, scale_decoder_outputs=...),
        dict(tie_word_embeddings=True, scale_decoder_outputs=...),
        dict(tie_word_embeddings=..., scale_decoder_outputs=..., is_gated_act=...),
    ],
)
def test_a_head_of_its_own_reads_what_is_not_scaled(words, tmp_path):
    assert same(from_hf(altered("t5_1_1", tmp_path, **words)), golden("t5_1_1")[0])


def test_what_config_json_says_of_the_scale_counts(tmp_path):
    found = from_hf(altered("t5_1_1", tmp_path, scale_decoder_outputs=True))
    assert found.config.scaled and not found.config.tied
    shutil.rmtree(tmp_path / "altered")
    found = from_hf(altered("t5", tmp_path, scale_decoder_outputs=False))
    assert found.config.tied and not found.config.scaled
    to_hf(found, tmp_path / "out")
    assert same(from_hf(tmp_path / "out"), found)


def test_copies_of_the_embedding_are_passed_over(tmp_path):
    def copied(arrays):
        twice = dict.fromkeys((*COPIES, "lm_head.weight"), arrays["shared.weight"])
        return arrays | twice | {UNUSED: np.ones((32, 4), np.float32)}

    def renamed(arrays):
        rest = {k: v for k, v in arrays.items() if k != "shared.weight"}
        return rest | {COPIES[1]: arrays["shared.weight"]}

    assert same(from_hf(altered("t5", tmp_path, copied)), golden("t5")[0])
    shutil.rmtree(tmp_path / "altered")
    assert same(from_hf(altered("t5", tmp_path, renamed)), golden("t5")[0])


def test_copies_that_differ_are_refused(tmp_path):
    def other(arrays):
        return arrays | {COPIES[0]: 2 * arrays["shared.weight"]}

    with pytest.raises(
        ValueError, match=r"'encoder.embed_tokens.weight' are one array"
    ):
        from_hf(altered("t5", tmp_path, other))


def read(**words):
    names = dict.fromkeys(map(str, range(99)), jax.ShapeDtypeStruct((), np.float32))
    return read_t5("t5", words, Source(names, lambda name: None))[0]


@pytest.mark.parametrize(
    ("word", "gated", "activation"),
    [
        ("relu", False, "relu"),
        ("gated-gelu", True, "gelu_tanh"),
        ("gated-gelu_new", True, "gelu_tanh"),
        ("gated-silu", True, "silu"),
        ("gelu", False, "gelu"),
        ("gelu_new", False, "gelu_tanh"),
    ],
)
def test_feed_forward_proj_is_read_in_each_spelling(word, gated, activation):
    config = read(feed_forward_proj=word)
    assert (config.gated, config.activation) == (gated, activation)
    assert read(**write_t5(config)) == config


def test_what_is_left_unsaid_is_that_of_t5_small():
    config = read()
    assert (config.vocab, config.dim, config.depth) == (32128, 512, 6)
    assert (config.heads, config.head_dim, config.mlp_dim) == (8, 64, 2048)
    assert (config.decoder_depth, config.start, config.norm_eps) == (6, 0, 1e-6)
    assert read(pad_token_id=3).start == 3
    assert read(pad_token_id=3, decoder_start_token_id=2).start == 2


def test_every_path_has_one_name():
    config = EncoderDecoderConfig(**SIZES, gated=True, tied=False)
    names = [row.name for row in t5_rows(config)]
    assert len(names) == len(set(names)) == 1 + 11 + 16 + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(feed_forward_proj="gated-tanh"), "feed_forward_proj must be one of .*'g"),
        (dict(d_model="16"), "d_model must be a whole number"),
        (dict(d_ff=20), r"DenseReluDense.wi.weight' is \[24, 16\]"),
        (dict(num_layers=10**9), "cannot make up 1000000000 and 2 layers"),
        (dict(num_layers=2), r"unknown arrays: .*encoder\.block\.2\."),
        (dict(num_decoder_layers=3), r"missing arrays: .*decoder\.block\.2\."),
        (dict(feed_forward_proj="gated-relu"), r"missing arrays: .*wi_0\.weight \(2\)"),
        (dict(relative_attention_num_buckets=30), "buckets must be a multiple of 4"),
        (dict(decoder_start_token_id=61), "start must be a whole number from 0 to 60"),
        (dict(tie_word_embeddings="no"), "tie_word_embeddings must be true or false"),
    ],
)
def test_a_configuration_that_is_not_read_is_named(change, message, tmp_path):
    with pytest.raises(ValueError, match=message) as found:
        from_hf(altered("t5", tmp_path, **change))
    assert "\n" not in str(found.value) and str(tmp_path) in str(found.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(family="mt5"), "family must be one of 't5', got 'mt5'"),
        (
            dict(gated=True, activation="gelu"),
            "cannot say {'gated': True, 'activation'",
        ),
    ],
)
def test_what_config_json_cannot_say_is_not_written(change, message, tmp_path):
    assert_not_written(golden("t5")[0], change, message, tmp_path)


def test_the_tokenizer_goes_with_the_network(tmp_path):
    tokenizer = from_json(unigram(61).to_str())
    to_hf(golden("t5")[0]._replace(tokenizer=tokenizer), tmp_path / "out")
    again = from_hf(tmp_path / "out")
    assert again.tokenizer.fingerprint == tokenizer.fingerprint
    assert again.tokenizer.special == {"eos": 1}
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert written["eos_token_id"] == 1
    said = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert said == {"eos_token_id": 1, "decoder_start_token_id": 0}
