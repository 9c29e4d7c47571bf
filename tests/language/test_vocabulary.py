"""Decoders of fewer tokens."""

import dataclasses

import jax
import numpy as np
import pytest

from jdistill.language import keep_tokens
from jdistill.models import (
    DecoderConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    decoder,
    encoder,
    encoder_decoder,
)

CONFIG = DecoderConfig(
    vocab=12, dim=8, depth=1, heads=2, kv_heads=1, head_dim=4, mlp_dim=12, max_steps=16
)
MASKED = EncoderConfig(
    vocab=12, dim=8, depth=1, heads=2, mlp_dim=12, max_steps=8, head="vocabulary"
)
IDS = np.array([0, 3, 4, 9])


@pytest.mark.parametrize("tied", [True, False])
def test_the_logits_of_the_tokens_that_stay_are_the_same(tied):
    config = dataclasses.replace(CONFIG, tied=tied)
    tokens = np.array([[0, 2, 3, 1, 3]])
    model = decoder(config)
    params, _ = model.init(jax.random.key(0), {"inputs": tokens})
    small, less = keep_tokens(params, config, IDS)
    assert less == dataclasses.replace(config, vocab=4)
    got = decoder(less).apply(small, {}, {"inputs": tokens})[0].logits
    whole = model.apply(params, {}, {"inputs": IDS[tokens]})[0].logits
    np.testing.assert_allclose(got, whole[..., IDS], atol=1e-6)
    assert params["embed"]["embedding"].shape == (12, 8)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 12], "id 12 is none of the 12"),
        ([-1, 0], "id -1 is none of the 12"),
        ([3, 3], "id 3 stands twice"),
        ([], "ids must be whole numbers"),
        ([0.5], "ids must be whole numbers"),
    ],
)
def test_a_wrong_id_is_named(ids, message):
    with pytest.raises(ValueError, match=message):
        keep_tokens({}, CONFIG, ids)


@pytest.mark.parametrize(
    ("make", "config"), [(decoder, CONFIG), (encoder, MASKED)], ids=["causal", "masked"]
)
def test_what_pads_an_embedding_is_no_token_to_keep(make, config):
    config = dataclasses.replace(config, words=9)
    params, _ = make(config).init(jax.random.key(0), {})
    assert keep_tokens(params, config, [0, 8])[1].words is None
    with pytest.raises(ValueError, match="id 9 is none of the 9 words of the model"):
        keep_tokens(params, config, IDS)


def whole_and_small(make, config, batch):
    params, _ = make(config).init(jax.random.key(0), {})
    small, less = keep_tokens(params, config, IDS)
    old = {name: IDS[x] for name, x in batch.items()}
    whole = make(config).apply(params, {}, old)[0].logits[..., IDS]
    return whole, make(less).apply(small, {}, batch)[0].logits, less


@pytest.mark.parametrize("tied", [True, False])
def test_an_encoder_decoder_of_some_tokens_begins_texts_as_before(tied):
    sizes = dict(dim=8, depth=1, heads=2, head_dim=4, mlp_dim=12)
    config = EncoderDecoderConfig(vocab=12, tied=tied, start=3, **sizes)
    batch = {"source": np.array([[0, 2, 3]]), "inputs": np.array([[1, 2]])}
    whole, small, less = whole_and_small(encoder_decoder, config, batch)
    np.testing.assert_allclose(small, whole, atol=1e-5)
    assert (less.vocab, less.start) == (4, 1)
    with pytest.raises(ValueError, match="id 3, with which every text begins, must"):
        keep_tokens({"embed": {"embedding": np.ones((12, 8))}}, config, [0, 1])


@pytest.mark.parametrize("tied", [True, False])
def test_an_encoder_of_some_tokens_has_their_logits(tied):
    config = dataclasses.replace(MASKED, tied=tied)
    batch = {"inputs": np.array([[0, 2, 3, 1]])}
    whole, small, less = whole_and_small(encoder, config, batch)
    np.testing.assert_allclose(small, whole, atol=1e-5)
    assert less.vocab == 4


def test_a_classifier_keeps_its_classes():
    sizes = dict(dim=8, depth=1, heads=2, mlp_dim=12, max_steps=8)
    config = EncoderConfig(vocab=12, head="classes", labels=("a", "b"), **sizes)
    params, _ = encoder(config).init(jax.random.key(0), {})
    small, less = keep_tokens(params, config, IDS)
    tokens = np.array([[0, 2, 3, 1]])
    got = encoder(less).apply(small, {}, {"inputs": tokens})[0].logits
    whole = encoder(config).apply(params, {}, {"inputs": IDS[tokens]})[0].logits
    np.testing.assert_allclose(got, whole, atol=1e-6)
