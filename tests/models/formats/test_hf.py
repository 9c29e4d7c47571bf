"""Folders of Hugging Face: the networks in them, and what is written back."""

import dataclasses
import functools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from safetensors.numpy import load_file, save_file

from jdistill import tokenizers, train, tree
from jdistill.models import Pretrained, from_hf, to_hf
from jdistill.typing import Frozen
from tests.models.formats.golden import (
    NAMES,
    ROOT,
    assert_not_written,
    golden,
    letters,
    logits_of,
    said,
)

TEXT = np.array([[9, 4, 30, 7, 8, 22, 15, 31, 4]])


def altered(name, tmp_path, change=lambda arrays: arrays, **config):
    """A copy of a golden folder with other arrays and other words in config.json."""
    folder = tmp_path / "altered"
    shutil.copytree(ROOT / name, folder)
    (folder / "config.json").write_text(json.dumps(said(name) | config))
    arrays = change(load_file(folder / "model.safetensors"))
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def renamed(old, new):
    return lambda arrays: {k.replace(old, new): v for k, v in arrays.items()}


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_transformers(name):
    case = golden(name)
    got = logits_of(case.pretrained, inputs=case.tokens)
    np.testing.assert_allclose(
        got, case.logits, rtol=0, atol=1e-5 * np.abs(case.logits).max()
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_written_bit_for_bit(name, tmp_path):
    read = golden(name).pretrained
    to_hf(read, tmp_path / "out")
    theirs = load_file(ROOT / name / "model.safetensors")
    ours = load_file(tmp_path / "out" / "model.safetensors")
    if name == "gemma3_nested":  # one network is written, as a network of text
        theirs = load_file(ROOT / "gemma3" / "model.safetensors")
    assert {k: (v.shape, v.dtype) for k, v in ours.items()} == {
        k: (v.shape, v.dtype) for k, v in theirs.items()
    }
    assert all(ours[k].tobytes() == v.tobytes() for k, v in theirs.items())
    again = from_hf(tmp_path / "out")
    assert again.config == read.config
    same = jax.tree.map(np.array_equal, again.frozen, read.frozen)
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", NAMES)
def test_config_json_is_written_in_the_old_words(name, tmp_path):
    to_hf(golden(name).pretrained, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert written["torch_dtype"] == "float32"
    assert "rope_parameters" not in written and "dtype" not in written
    new = said(name) if name != "gemma3_nested" else said("gemma3")
    assert written["architectures"] == new["architectures"]
    different = {k for k in written.keys() & new.keys() if written[k] != new[k]}
    unused = {"use_sliding_window", "max_window_layers", "layer_types", "n_inner"}
    assert different <= unused | {f"{x}_token_id" for x in ("bos", "eos", "pad")}
    if "layer_types" in written and "layer_types" in new:
        assert written["layer_types"] == new["layer_types"]


def test_rows_without_an_id_are_known_as_what_pads_the_embedding(tmp_path):
    own = golden("llama").pretrained._replace(tokenizer=letters(50))
    to_hf(own, tmp_path / "out")
    again = from_hf(tmp_path / "out")
    assert again.config == dataclasses.replace(own.config, words=50)
    assert again.model.words == 50 and own.config.vocab == 61
    to_hf(again, tmp_path / "again")
    assert from_hf(tmp_path / "again").config == again.config
    for other, count in ((None, "none"), (letters(51), "51")):
        with pytest.raises(ValueError, match=f"config.words is 50 of 61.*is {count}"):
            to_hf(again._replace(tokenizer=other), tmp_path / "other")


def test_all_that_ends_a_text_goes_with_the_network(tmp_path):
    tokenizer = letters(61)._replace(ends=(0, 7, 9))
    to_hf(golden("llama").pretrained._replace(tokenizer=tokenizer), tmp_path / "out")
    for name in ("config.json", "generation_config.json"):
        said = json.loads((tmp_path / "out" / name).read_text())
        assert said["eos_token_id"] == [0, 7, 9]
    assert from_hf(tmp_path / "out").tokenizer.ends == (0, 7, 9)
    (tmp_path / "out" / "generation_config.json").unlink()
    assert from_hf(tmp_path / "out").tokenizer.ends == (0, 7, 9)


@pytest.mark.parametrize("name", ["gemma3", "gpt2", "neox", "mistral"])
def test_going_on_from_a_cache_equals_the_whole_pass(name):
    case = golden(name)
    model, params = case.pretrained.model, case.pretrained.frozen.params
    step = jax.jit(model.decoding.step)
    rows, steps = case.tokens.shape
    cache = model.decoding.start(params, {}, {"inputs": case.tokens}, steps)
    near = functools.partial(
        np.testing.assert_allclose, rtol=0, atol=1e-5 * np.abs(case.logits).max()
    )
    for first in range(0, steps, 2):
        part = case.tokens[:, first : first + 2]
        logits, cache = step(params, {}, cache, part, np.full(rows, part.shape[1]))
        near(logits, case.logits[:, first + part.shape[1] - 1])


@pytest.mark.parametrize("name", ["gemma3", "opt"])
def test_packed_texts_equal_separate_ones(name):
    case = golden(name)
    packed = case.tokens.reshape(1, -1)
    segment = np.repeat([[1, 2]], case.tokens.shape[1], axis=1)
    got = logits_of(case.pretrained, inputs=packed, segment=segment)
    np.testing.assert_allclose(
        got.reshape(case.logits.shape),
        case.logits,
        rtol=0,
        atol=1e-5 * np.abs(case.logits).max(),
    )


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("gemma3_nested", "language_model.model.", "model.language_model."),
        ("gemma3", "model.", "language_model.model."),
        ("llama", "model.", ""),
        ("llama_biased", "model.", "language_model.model."),
        ("gpt2", "transformer.", ""),
        ("opt", "model.decoder.", "decoder."),
        ("opt", "model.decoder.", ""),
        ("neox", "embed_out.", "lm_head."),
    ],
)
def test_other_spellings_of_names_are_the_same_arrays(name, old, new, tmp_path):
    theirs = load_file(ROOT / name / "model.safetensors")
    assert any(k.startswith(old) for k in theirs)
    got = from_hf(altered(name, tmp_path, renamed(old, new)))
    same = jax.tree.map(np.array_equal, got.frozen, golden(name).pretrained.frozen)
    assert all(jax.tree.leaves(same)) and got.config == golden(name).pretrained.config


def test_buffers_are_passed_over(tmp_path):
    buffers = {
        "transformer.h.0.attn.bias": np.ones((1, 1, 4, 4), bool),
        "transformer.h.0.attn.masked_bias": np.ones(()),
        "h.1.attn.rotary_emb.inv_freq": np.ones(3),
    }
    folder = altered("gpt2", tmp_path, lambda arrays: arrays | buffers)
    assert from_hf(folder).config == golden("gpt2").pretrained.config


def test_the_arrays_decide_whether_the_head_is_tied(tmp_path):
    def twice(arrays):
        return arrays | {"lm_head.weight": arrays["model.embed_tokens.weight"]}

    def other(arrays):
        return arrays | {"lm_head.weight": 2 * arrays["model.embed_tokens.weight"]}

    assert from_hf(altered("llama", tmp_path, twice)).config.tied
    shutil.rmtree(tmp_path / "altered")
    own = from_hf(altered("llama", tmp_path, other))
    assert not own.config.tied
    twofold = 2 * own.frozen.params["embed"]["embedding"].T
    np.testing.assert_array_equal(own.frozen.params["head"]["kernel"], twofold)
    shutil.rmtree(tmp_path / "altered")
    folder = altered("llama", tmp_path, twice, tie_word_embeddings=False)
    assert not from_hf(folder).config.tied


def test_parameters_and_computation_have_their_own_types(tmp_path):
    half = from_hf(ROOT / "llama", dtype="bfloat16", compute_dtype="bfloat16")
    leaves = jax.tree.leaves(half.frozen.params)
    assert {x.dtype for x in leaves} == {jnp.dtype(jnp.bfloat16)}
    whole = golden("llama")
    got = logits_of(half, inputs=whole.tokens)
    assert np.corrcoef(got.ravel(), whole.logits.ravel())[0, 1] > 0.99
    to_hf(half, tmp_path / "out")
    again = from_hf(tmp_path / "out", dtype="bfloat16")
    same = jax.tree.map(np.array_equal, again.frozen, half.frozen)
    assert all(jax.tree.leaves(same))


def test_parameters_are_placed_by_the_rules_of_a_mesh():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("model",))
    rules = [(".*/(up|gate)/kernel", PartitionSpec(None, None, "model"))]
    got = from_hf(
        ROOT / "llama", shardings=lambda shapes: train.shardings(shapes, mesh, rules)
    )
    up = got.frozen.params["layers"]["mlp"]["up"]["kernel"]
    assert up.sharding == NamedSharding(mesh, rules[0][1])
    assert up.addressable_shards[0].data.shape == (3, 16, 12)
    same = jax.tree.map(np.array_equal, got.frozen, golden("llama").pretrained.frozen)
    assert all(jax.tree.leaves(same))


def test_several_files_are_one_network(tmp_path):
    read = golden("qwen3").pretrained
    to_hf(read, tmp_path / "out", shard_bytes=5000)
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(files) > 3
    assert all(len(load_file(f)) == 1 or f.stat().st_size < 8000 for f in files)
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
    arrays = load_file(ROOT / "qwen3" / "model.safetensors")
    assert index["weight_map"].keys() == arrays.keys()
    assert index["metadata"]["total_size"] == sum(x.nbytes for x in arrays.values())
    again = from_hf(tmp_path / "out")
    same = jax.tree.map(np.array_equal, again.frozen, read.frozen)
    assert all(jax.tree.leaves(same))
    files[1].unlink()
    with pytest.raises(ValueError, match=f"names '{files[1].name}', which is no file"):
        from_hf(tmp_path / "out")


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    read = golden("llama").pretrained
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    with pytest.raises(ValueError, match="full holds something already"):
        to_hf(read, tmp_path / "full")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    to_hf(read, tmp_path / "empty")
    assert from_hf(tmp_path / "empty").config == read.config

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr("jdistill.models.formats._safetensors._write_array", broken)
    with pytest.raises(OSError, match="no space left"):
        to_hf(read, tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "full"]


def test_the_tokenizer_goes_with_the_network(tmp_path):
    own = golden("llama").pretrained._replace(tokenizer=letters(61))
    to_hf(own, tmp_path / "out")
    again = from_hf(tmp_path / "out")
    assert again.tokenizer.fingerprint == own.tokenizer.fingerprint
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["eos_token_id"], config["bos_token_id"]) == (0, None)
    said = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert said == {"eos_token_id": 0} and again.tokenizer.ends == (0,)
    tokenizers.to_hf(letters(62), tmp_path / "out")
    with pytest.raises(ValueError, match="tokenizer has 62 ids, the embedding 61 rows"):
        from_hf(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("llama", dict(model_type="mamba"), "'mamba' is not known; those that are rea"),
        ("llama", dict(model_type=None), "'None' is not known; .*gemma2, gemma3_text"),
        ("llama", dict(hidden_size="16"), "hidden_size must be a whole number"),
        ("llama", dict(hidden_size=10**12), r"from 1 to 2147483647, got 10{12}$"),
        ("llama", dict(hidden_size=10**9), r"is \[61, 16\], and embed/embedding shou"),
        ("llama", dict(num_hidden_layers=10**9), "cannot make up 1000000000 layers"),
        ("llama", dict(num_hidden_layers=2), r"unknown arrays: .*layers\.2\."),
        ("llama", dict(num_hidden_layers=4), r"missing arrays: .*layers\.3\."),
        ("llama", dict(hidden_act="tanh"), "hidden_act must be one of .*'silu'"),
        ("llama", dict(rms_norm_eps=float("nan")), "rms_norm_eps must be a number"),
        ("llama", dict(rope_parameters=dict(rope_type="yarn")), "rope_type must be 'd"),
        ("llama", dict(rope_parameters=[]), "rope_parameters must be an object"),
        ("llama", dict(quantization_config={}), "quantised weights are not read"),
        ("gemma2", dict(layer_types=["linear"] * 3), "layer_types must list 'full_att"),
        (
            "gemma2",
            dict(use_bidirectional_attention=True),
            "a form of 'gemma2' that is",
        ),
        ("opt", dict(word_embed_proj_dim=8), "of the 350M model, is not read"),
        ("opt", dict(do_layer_norm_before=False), "a form of 'opt' that is not read"),
        ("gpt2", dict(scale_attn_by_inverse_layer_idx=True), "scale_attn_by_inverse_l"),
    ],
)
def test_a_configuration_that_is_not_read_is_named(name, change, message, tmp_path):
    with pytest.raises(ValueError, match=message) as found:
        from_hf(altered(name, tmp_path, **change))
    assert "\n" not in str(found.value)


def test_names_that_are_missing_or_unknown_are_listed(tmp_path):
    theirs = renamed("q_norm", "query_norm")
    folder = altered("qwen3", tmp_path, theirs)
    with pytest.raises(
        ValueError,
        match=r"missing arrays: .*\.\*\.self_attn\.q_norm\."
        r"weight \(3\); unknown arrays: .*query_norm\.weight \(3\)$",
    ):
        from_hf(folder)


def test_whole_numbers_are_no_weights(tmp_path):
    def coded(arrays):
        return arrays | {"model.norm.weight": np.ones(16, np.int8)}

    with pytest.raises(ValueError, match=r"no real numbers: model\.norm\.weight"):
        from_hf(altered("llama", tmp_path, coded))


def test_one_array_under_two_names_is_refused(tmp_path):
    def twice(arrays):
        return arrays | {"norm.weight": arrays["model.norm.weight"]}

    with pytest.raises(ValueError, match="are one array"):
        from_hf(altered("llama", tmp_path, twice))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("llama", dict(family="rwkv"), "family must be one of .*llama.*, got 'rwkv'"),
        ("llama", dict(window=5), r"config.json of 'llama' cannot say \{'window'"),
        ("llama", dict(qk_norm=True), "cannot say {'qk_norm': True}"),
        ("llama", dict(qkv_bias=True), "cannot say {'qkv_bias': True, 'out_bias': F"),
        ("qwen2", dict(theta=(1e4, 1e4, 0.0)), r"cannot say \{'theta'"),
        ("gemma2", dict(score_scale=0.3), "cannot say {'score_scale': 0.3}"),
        ("gpt2", dict(activation="silu", logit_cap=3.0), "cannot say {'logit_cap': 3"),
    ],
)
def test_what_config_json_cannot_say_is_not_written(name, change, message, tmp_path):
    assert_not_written(golden(name).pretrained, change, message, tmp_path)


def test_parameters_of_another_size_are_not_written(tmp_path):
    read = golden("llama").pretrained
    params = tree.map_where(lambda _, x: x[:40], read.frozen.params, "embed/.*")
    with pytest.raises(ValueError, match=r"embedding is \[40, 16\], and the config"):
        to_hf(Pretrained(read.model, Frozen(params, {}), read.config), tmp_path / "out")
    config = dataclasses.replace(read.config, vocab=40)
    to_hf(Pretrained(read.model, Frozen(params, {}), config), tmp_path / "out")
    assert from_hf(tmp_path / "out").config == config


def test_layers_may_be_left_out_where_each_says_its_kind(tmp_path):
    read = golden("gemma3").pretrained
    keep = np.array([0, 5, 6])
    params = tree.map_where(lambda _, x: x[keep], read.frozen.params, "layers/.*")
    own = {
        name: tuple(getattr(read.config, name)[i] for i in keep)
        for name in ("window", "theta", "position_factor")
    }
    config = dataclasses.replace(read.config, depth=3, **own)
    to_hf(Pretrained(read.model, Frozen(params, {}), config), tmp_path / "out")
    assert from_hf(tmp_path / "out").config == config
