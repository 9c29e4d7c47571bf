"""Decoders of fewer tokens."""

import dataclasses

import jax
import numpy as np
import pytest

from jdistill.language import keep_tokens
from jdistill.models import DecoderConfig, decoder

CONFIG = DecoderConfig(
    vocab=12, dim=8, depth=1, heads=2, kv_heads=1, head_dim=4, mlp_dim=12, max_steps=16
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
