"""Decoders of fewer layers."""

import jax
import numpy as np
import pytest

from jdistill.language import block_influence, keep_layers, most_influential, spread
from jdistill.language._depth import check_config
from jdistill.models import (
    DecoderConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    decoder,
    encoder,
    encoder_decoder,
)
from jdistill.typing import Frozen
from tests.models.transformers.reference import decode

CONFIG = DecoderConfig(
    vocab=20,
    dim=8,
    depth=4,
    heads=2,
    kv_heads=1,
    head_dim=4,
    mlp_dim=12,
    max_steps=16,
    window=(3, 0, 2, 0),
    theta=(1e4, 1e2, 1e3, 1e4),
)
TOKENS = np.random.default_rng(0).integers(0, 20, (2, 7))


@pytest.fixture(scope="module")
def params():
    shapes, _ = jax.eval_shape(
        decoder(CONFIG).init, jax.random.key(0), {"inputs": TOKENS}
    )
    draw = np.random.default_rng(1).normal
    return jax.tree.map(lambda p: draw(0, 0.5, p.shape).astype("f4"), shapes)


def test_what_is_left_is_the_decoder_of_those_layers(params):
    small, config = keep_layers(params, CONFIG, [0, 2])
    assert config.depth == 2 and config.window == (3, 2) and config.theta == (1e4, 1e3)
    got = jax.jit(decoder(config).apply)(small, {}, {"inputs": TOKENS})[0].logits[0]
    # by hand: the layers that are gone add nothing to the stream
    idle = jax.tree.map(np.array, params)
    for name, part in (("attention", "out"), ("mlp", "down")):
        idle["layers"][name][part]["kernel"][[1, 3]] = 0
    wide = jax.tree.map(lambda x: x.astype("f8"), idle)
    np.testing.assert_allclose(got, decode(CONFIG, wide, TOKENS[0]), atol=1e-4)


def test_influence_is_one_minus_the_mean_cosine_over_real_tokens(params):
    model = decoder(CONFIG, taps=("embed", "layers"))
    mask = np.array([[1] * 7, [1] * 4 + [0] * 3], "f4")
    batch = {"inputs": TOKENS, "token_mask": mask}
    got = block_influence(model, Frozen(params), [batch, batch])
    features = model.apply(params, {}, batch)[0].features
    stream = np.concatenate([features["embed"][None], features["layers"]]).astype("f8")
    a, b = stream[:-1], stream[1:]
    cosine = (a * b).sum(-1)
    cosine /= np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    wanted = 1 - (cosine * mask).sum((1, 2)) / mask.sum()
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_a_layer_that_does_nothing_has_no_influence(params):
    idle = jax.tree.map(np.array, params)
    for name, part in (("attention", "out"), ("mlp", "down")):
        idle["layers"][name][part]["kernel"][1] = 0
    model = decoder(CONFIG, taps=("embed", "layers"))
    influence = block_influence(model, Frozen(idle), [{"inputs": TOKENS}])
    assert influence[1] < 1e-6 < influence[[0, 2, 3]].min()
    assert most_influential(influence, 3) == (0, 2, 3)


@pytest.mark.parametrize(
    ("depth", "number", "wanted"),
    [
        (12, 6, (0, 2, 4, 7, 9, 11)),
        (6, 6, tuple(range(6))),
        (30, 1, (0,)),
        (5, 2, (0, 4)),
    ],
)
def test_a_spread_has_both_ends(depth, number, wanted):
    assert spread(depth, number) == wanted


@pytest.mark.parametrize("layers", [[], [1, 0], [0, 0], [-1], [4]])
def test_layers_that_are_not_there_are_named(params, layers):
    with pytest.raises(ValueError, match="rising numbers from 0 to 3"):
        keep_layers(params, CONFIG, layers)


@pytest.mark.parametrize("number", [0, 5])
def test_as_many_layers_as_there_are_can_be_kept(number):
    with pytest.raises(ValueError, match="of 4 layers 1 to 4 can be kept"):
        spread(4, number)
    with pytest.raises(ValueError, match="of 4 layers 1 to 4 can be kept"):
        most_influential(np.ones(4), number)


def test_influence_needs_its_taps_and_a_token(params):
    with pytest.raises(ValueError, match=r"lacks the taps \['embed', 'layers'\]"):
        block_influence(decoder(CONFIG), Frozen(params), [{"inputs": TOKENS}])
    model = decoder(CONFIG, taps=("embed", "layers"))
    with pytest.raises(ValueError, match="no token to measure"):
        block_influence(model, Frozen(params), [])


def idle(params, kept):
    """Layers that add nothing to the stream where they are not kept."""
    layers = jax.tree.map(np.array, params["layers"])
    gone = np.setdiff1d(np.arange(4), kept)
    for name, part in (("attention", "out"), ("cross", "out"), ("mlp", "down")):
        for x in jax.tree.leaves(layers.get(name, {}).get(part, {})):
            x[gone] = 0
    return {**params, "layers": layers}


def test_either_side_of_an_encoder_decoder_loses_layers():
    config = EncoderDecoderConfig(
        vocab=20, dim=8, depth=4, heads=2, head_dim=4, mlp_dim=12
    )
    model, batch = encoder_decoder(config), {"source": TOKENS, "inputs": TOKENS[:, :3]}
    params, _ = model.init(jax.random.key(0), {})
    small, less = keep_layers(params, config, [0, 3], source_layers=[1])
    assert (less.depth, less.decoder_depth) == (1, 2)
    sides = {"encoder": [1], "decoder": [0, 3]}
    whole = {**params, **{side: idle(params[side], x) for side, x in sides.items()}}
    got = encoder_decoder(less).apply(small, {}, batch)[0].logits
    wanted = model.apply(whole, {}, batch)[0].logits
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert keep_layers(params, config, [2])[1].depth == 4
    with pytest.raises(
        ValueError, match=r"source_layers must be rising .* 0 to 3, got"
    ):
        keep_layers(params, config, [0], source_layers=[4])


def test_an_encoder_loses_layers():
    """Norms behind the sums stay where a layer is idle, so layers are run by hand."""
    config = EncoderConfig(vocab=20, dim=8, depth=4, heads=2, mlp_dim=12, max_steps=16)
    params, _ = encoder(config).init(jax.random.key(0), {})
    small, less = keep_layers(params, config, [1, 3])
    assert less.depth == 2
    for x, whole in zip(
        jax.tree.leaves(small["layers"]), jax.tree.leaves(params["layers"]), strict=True
    ):
        np.testing.assert_array_equal(x, whole[np.array([1, 3])])
    got = encoder(less).apply(small, {}, {"inputs": TOKENS})[0].hidden
    same = encoder(config).apply(params, {}, {"inputs": TOKENS})[0].hidden
    assert got.shape == same.shape and not np.allclose(got, same)


def test_a_decoder_has_no_source_and_another_network_no_layers(params):
    with pytest.raises(ValueError, match="an encoder-decoder's, and this is DecoderC"):
        keep_layers(params, CONFIG, [0], source_layers=[0])
    with pytest.raises(TypeError, match="config must be a DecoderConfig, an EncoderC"):
        check_config(7)
