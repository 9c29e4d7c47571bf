"""What is written is what there was, or is refused."""

import dataclasses
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress, models, ops, tree
from jdistill.models import Pretrained, from_gguf, gguf_metadata, to_gguf
from jdistill.models.formats._gguf_header import read_header
from jdistill.models.formats._gguf_values import values
from jdistill.typing import Frozen

ROOT = pathlib.Path(__file__).parent / "gguf"
CONFIG = models.DecoderConfig(
    vocab=40,
    dim=64,
    depth=2,
    heads=4,
    kv_heads=2,
    head_dim=16,
    mlp_dim=64,
    max_steps=32,
)
KERNELS = r"layers/(attention|mlp)/\w+/kernel"


@functools.cache
def network(**changes):
    config = dataclasses.replace(CONFIG, **changes)
    model = models.decoder(config)
    params, state = jax.jit(model.init)(jax.random.key(0), {})
    return Pretrained(model, Frozen(params, state), config, None)


@functools.cache
def compressed(where=KERNELS, *, pruned=False, **options):
    """A network whose weights went through a compression, and their encoding."""
    plain = network()
    batch = {"inputs": jnp.zeros((1, 3), jnp.int32)}

    def logits(params, batch):
        return plain.model.apply(params, {}, batch)[0].logits

    options = {"scale_dtype": "float16", "group_size": 32} | options
    coding = compress.fake_quant(where=where, **options)
    if pruned:
        coding = compress.chain(compress.magnitude(sparsity=0.5, where=where), coding)
    products = ops.uses(logits, plain.frozen.params, batch)
    learned, state = coding.init(plain.frozen.params, products=products)
    params, learned, state = coding.update(plain.frozen.params, learned, state, step=0)
    applied = Frozen(coding.apply(params, learned, state), {})
    return plain._replace(frozen=applied), coding.encode(params, learned, state)


def stored(path):
    """The kinds of the tensors by name."""
    return {
        name: tensor.kind.name
        for name, tensor in read_header(path.read_bytes()).tensors.items()
    }


def same(one, two):
    one, two = (tree.flatten(x.frozen.params) for x in (one, two))
    for path, x in one.items():
        np.testing.assert_array_equal(x, two[path], err_msg=path)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"bits": 8}, "Q8_0"),
        ({"bits": 8, "group_size": None}, "Q8_0"),
        ({"bits": 8, "per": "tensor", "group_size": None}, "Q8_0"),
        ({"bits": 7, "codes": "affine"}, "Q8_0"),
        ({"bits": 5}, "Q5_0"),
        ({"bits": 4, "codes": "affine"}, "Q5_0"),
        ({"bits": 4}, "Q4_0"),
        ({"bits": 4, "group_size": 64, "where": ".*/up/kernel"}, "Q4_0"),
        ({"bits": 3, "codes": "affine"}, "Q4_0"),
        ({"bits": 2}, "Q4_0"),
    ],
)
def test_codes_become_blocks_that_are_the_same_numbers(options, kind, tmp_path):
    pytest.importorskip("gguf")
    pretrained, encoded = compressed(**options)
    to_gguf(pretrained, tmp_path / "a", encoded=encoded)
    same(pretrained, from_gguf(tmp_path / "a"))
    assert stored(tmp_path / "a")["blk.1.ffn_up.weight"] == kind


def test_codes_of_the_embedding_and_of_ternary_weights(tmp_path):
    pytest.importorskip("gguf")
    pretrained, encoded = compressed("embed/embedding", bits=8)
    to_gguf(pretrained, tmp_path / "a", encoded=encoded)
    same(pretrained, from_gguf(tmp_path / "a"))
    assert stored(tmp_path / "a")["token_embd.weight"] == "Q8_0"


def test_pruned_codes_keep_their_zeros(tmp_path):
    pytest.importorskip("gguf")
    pretrained, encoded = compressed(pruned=True, bits=4)
    assert type(encoded["layers/mlp/up/kernel"]).__name__ == "Sparse"
    to_gguf(pretrained, tmp_path / "a", encoded=encoded)
    found = from_gguf(tmp_path / "a")
    same(pretrained, found)
    up = np.asarray(tree.flatten(found.frozen.params)["layers/mlp/up/kernel"])
    assert np.mean(up == 0) >= 0.5


def test_floats_are_rounded_once_and_vectors_never(tmp_path):
    plain = network(tied=False)
    for floats, dtype in (("F16", np.float16), ("BF16", jnp.bfloat16)):
        to_gguf(plain, tmp_path / "a", floats=floats)
        found = tree.flatten(from_gguf(tmp_path / "a").frozen.params)
        for path, x in tree.flatten(plain.frozen.params).items():
            matrix = path.endswith(("kernel", "embedding"))
            wanted = np.asarray(x).astype(dtype) if matrix else np.asarray(x)
            np.testing.assert_array_equal(found[path], wanted.astype(np.float32))


def test_kinds_by_path(tmp_path):
    pretrained, encoded = compressed(bits=4)
    kinds = {KERNELS: "Q8_0", ".*/down/kernel": "BF16", "embed/.*": "F16"}
    to_gguf(pretrained, tmp_path / "a", encoded=encoded, kinds=kinds)
    found = stored(tmp_path / "a")
    assert found["blk.0.ffn_up.weight"] == "Q8_0"
    assert found["blk.0.ffn_down.weight"] == "BF16"
    assert found["token_embd.weight"] == "F16"
    assert found["blk.0.attn_norm.weight"] == "F32"


@pytest.mark.parametrize(
    ("options", "kinds", "message"),
    [
        ({"bits": 4, "scale_dtype": "float32"}, {}, "no number of float16"),
        ({"bits": 4, "group_size": 16}, {}, "step sizes change within 32"),
        ({"bits": 8, "codes": "affine"}, {}, "steps reach from"),
        ({"bits": 5}, {KERNELS: "Q4_0"}, "it holds -8 to 7.*Q5_0 holds them"),
        ({"bits": 2}, {KERNELS: "TQ2_0"}, "no blocks of 256.*Q4_0 holds them"),
        ({"bits": 4}, {"embed/.*": "Q4_0"}, "has no codes to be stored as Q4_0"),
        ({"bits": 4}, {"embed/.*": "Q4_K"}, "a kind must be one of"),
        ({"bits": 4}, {"nothing": "F16"}, "nothing"),
    ],
)
def test_what_would_be_lost_is_refused_and_nothing_is_written(
    options, kinds, message, tmp_path
):
    pretrained, encoded = compressed(**options)
    (tmp_path / "a").write_text("before")
    with pytest.raises(ValueError, match=message):
        to_gguf(pretrained, tmp_path / "a", encoded=encoded, kinds=kinds)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "before"


def test_numbers_beyond_half_precision_are_refused(tmp_path):
    plain = network()
    params = jax.tree.map(lambda x: 1e8 * x, plain.frozen.params)
    plain = plain._replace(frozen=Frozen(params, {}))
    with pytest.raises(ValueError, match=r"'token_embd.weight' holds numbers that F16"):
        to_gguf(plain, tmp_path / "a", floats="F16")
    assert not list(tmp_path.iterdir())


def test_encodings_of_other_parameters_are_refused(tmp_path):
    pretrained, encoded = compressed(bits=4)
    with pytest.raises(ValueError, match="no parameter with 'other'"):
        to_gguf(pretrained, tmp_path / "a", encoded={"other": None})
    up, key = "layers/mlp/up/kernel", "layers/attention/key/kernel"
    with pytest.raises(ValueError, match="the codes of 'layers/mlp/up/kernel' are"):
        to_gguf(pretrained, tmp_path / "a", encoded={up: encoded[key]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 8}, r"cannot say window=\(8, 8\)"),
        ({"score_scale": 0.3}, "cannot say score_scale=0.3"),
        (
            {"activation": "relu", "embed_scale": 2.0},
            "activation='relu', embed_scale=2",
        ),
        ({"rope_scaling": (8.0, 0.5, 3.0, 16.0)}, "is not the scaling of Llama 3"),
        ({"family": "opt"}, "no architecture of GGUF is known for the family 'opt'"),
        ({"theta": (1e4, 0.0)}, "cannot say theta"),
        ({"rotary_dim": 8}, "turns in part"),
    ],
)
def test_what_a_file_cannot_say_is_refused(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        to_gguf(network(**changes), tmp_path / "a")


@pytest.mark.parametrize("before", [16.0, 8192.0, 131072.0])
def test_the_scaling_of_llama_3_is_found_in_its_factors(before, tmp_path):
    scaled = network(rope_scaling=(8.0, 1.0, 4.0, before))
    to_gguf(scaled, tmp_path / "a")
    read = from_gguf(tmp_path / "a").config
    np.testing.assert_array_equal(read.frequencies(), scaled.config.frequencies())


def test_what_computes_the_same_is_no_loss(tmp_path):
    plain = network(window=32, score_scale=0.25, family="mistral")
    to_gguf(plain, tmp_path / "a")
    same(plain, from_gguf(tmp_path / "a"))


def test_layers_of_gemma_may_be_taken_out(tmp_path):
    """The pattern of windows is written where it is not the family's."""
    whole = from_gguf(ROOT / "gemma3.gguf")
    keep = np.array([1, 5, 4])
    config = dataclasses.replace(
        whole.config,
        depth=3,
        **{
            name: tuple(np.array(getattr(whole.config, name))[keep].tolist())
            for name in ("theta", "window", "position_factor")
        },
    )
    params = dict(whole.frozen.params)
    params["layers"] = jax.tree.map(lambda x: x[keep], params["layers"])
    cut = Pretrained(models.decoder(config), Frozen(params, {}), config, None)
    to_gguf(cut, tmp_path / "a")
    assert from_gguf(tmp_path / "a").config == config
    said = gguf_metadata(tmp_path / "a")["gemma3.attention.sliding_window_pattern"]
    assert said.tolist() == [True, False, True]
    to_gguf(whole, tmp_path / "b")
    assert "gemma3.attention.sliding_window_pattern" not in gguf_metadata(
        tmp_path / "b"
    )


def test_gguf_of_the_reference_reads_what_is_written(tmp_path):
    gguf = pytest.importorskip("gguf")
    pretrained, encoded = compressed(bits=4)
    more = {"general.name": "Ünique", "llama.block_count": 99}
    to_gguf(pretrained, tmp_path / "a", encoded=encoded, metadata=more)
    reader = gguf.GGUFReader(tmp_path / "a")
    assert reader.fields["general.name"].contents() == "Ünique"
    assert reader.fields["llama.block_count"].contents() == 2
    assert reader.fields["general.file_type"].contents() == 2
    header, data = read_header((tmp_path / "a").read_bytes()), reader.data
    for tensor in reader.tensors:
        theirs = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        ours = values(header.tensors[tensor.name], data)
        np.testing.assert_array_equal(ours, theirs, err_msg=tensor.name)


def words(count):
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": [chr(ord("!") + i) for i in range(count)],
        "tokenizer.ggml.token_type": np.ones(count, np.int32),
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.chat_template": "{{ messages }}",
    }


def test_a_tokenizer_comes_along_with_a_token_for_each_row(tmp_path):
    from jdistill import tokenizers

    known = words(30)
    read = network()._replace(tokenizer=tokenizers.from_gguf(known))
    for metadata in ({}, known):
        to_gguf(read, tmp_path / "a", metadata=metadata)
        said = gguf_metadata(tmp_path / "a")
        assert said["tokenizer.ggml.tokens"][:30] == known["tokenizer.ggml.tokens"]
        assert len(said["tokenizer.ggml.tokens"]) == 40
        assert said["tokenizer.ggml.token_type"].tolist() == [1] * 30 + [5] * 10
        found = from_gguf(tmp_path / "a")
        text, again = "#30%&1", found.tokenizer
        np.testing.assert_array_equal(again.encode(text), read.tokenizer.encode(text))
        assert again.fingerprint == read.tokenizer.fingerprint and again.vocab == 30
        assert (found.config.words, found.model.words, found.config.vocab) == (
            30,
            30,
            40,
        )
        to_gguf(found, tmp_path / "b")
        assert from_gguf(tmp_path / "b").config == found.config
        with pytest.raises(ValueError, match=r"config.words is 30 of 40.*is none"):
            to_gguf(found._replace(tokenizer=None), tmp_path / "c")
    assert said["tokenizer.chat_template"] == "{{ messages }}"


def test_tokens_without_a_kind_are_no_tokenizer_left_out(tmp_path):
    from jdistill import tokenizers

    read = network()._replace(tokenizer=tokenizers.from_gguf(words(30)))
    to_gguf(read, tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "b").write_bytes(whole.replace(b".ggml.model", b".ggml.moXel"))
    with pytest.raises(ValueError, match=r"metadata have no 'tokenizer.ggml.model'"):
        from_gguf(tmp_path / "b")


def test_metadata_of_another_tokenizer_are_refused(tmp_path):
    from jdistill import tokenizers

    read = network()._replace(tokenizer=tokenizers.from_gguf(words(30)))
    with pytest.raises(ValueError, match="the vocabularies differ"):
        to_gguf(read, tmp_path / "a", metadata=words(31))
    several = read._replace(tokenizer=read.tokenizer._replace(ends=(1, 4)))
    with pytest.raises(ValueError, match=r"end with \[1\] in the metadata and with"):
        to_gguf(several, tmp_path / "a", metadata=words(30))
    to_gguf(several, tmp_path / "a")
    assert gguf_metadata(tmp_path / "a")["tokenizer.ggml.eot_token_id"] == 4
    assert from_gguf(tmp_path / "a").tokenizer.ends == (1, 4)
    read = network()._replace(tokenizer=tokenizers.from_gguf(words(41)))
    with pytest.raises(ValueError, match="41 ids, the embedding 40 rows"):
        to_gguf(read, tmp_path / "a")


def test_without_the_package_blocks_are_refused_in_one_line(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError, match=r"Q8_0 .* pip install 'jdistill\[gguf\]'"):
        from_gguf(ROOT / "llama_q8.gguf")
    from_gguf(ROOT / "mistral.gguf")
