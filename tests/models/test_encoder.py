"""The transformer encoder: sizes, padding, order and attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import encoder_classifier

KEY = jax.random.key(0)
IDS = jnp.array([[3, 5, 4, 0], [9, 1, 0, 0]])
MASK = jnp.array([[1, 1, 1, 0], [1, 1, 0, 0]])
SIZES = dict(classes=3, vocab=10, steps=12, dim=8, heads=2, depth=2)


@pytest.fixture(scope="module")
def small():
    model = encoder_classifier(**SIZES)
    params, _ = jax.eval_shape(model.init, KEY, {"inputs": IDS})
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda p: jnp.asarray(draw(0, 0.4, p.shape), "f4"), params)
    return jax.jit(model.apply), params


def logits(small, ids, mask):
    apply, params = small
    return apply(params, {}, {"inputs": ids, "token_mask": mask})[0].logits


@pytest.mark.parametrize(("depth", "mlp_dim"), [(2, None), (3, 20)])
def test_the_size_follows_from_the_layers(depth, mlp_dim):
    sizes = SIZES | {"depth": depth, "mlp_dim": mlp_dim}
    params, _ = jax.eval_shape(encoder_classifier(**sizes).init, KEY, {"inputs": IDS})
    d, f = 8, mlp_dim or 32
    block = 4 * (d * d + d) + (d * f + f) + (f * d + d) + 2 * 2 * d
    wanted = 10 * d + 12 * d + depth * block + 2 * d + (3 * d + 3)
    assert tree.count(params) == wanted


def test_longer_padding_changes_nothing(small):
    long = jnp.pad(jnp.where(MASK > 0, IDS, 7), ((0, 0), (0, 5)), constant_values=2)
    got = logits(small, long, jnp.pad(MASK, ((0, 0), (0, 5))))
    wanted = logits(small, IDS, MASK)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    np.testing.assert_allclose(
        logits(small, IDS[:1, :3], MASK[:1, :3]), wanted[:1], atol=1e-5
    )


def test_real_tokens_and_their_order_matter(small):
    wanted = logits(small, IDS, MASK)
    swapped = logits(small, IDS.at[0, :2].set(jnp.array([5, 3])), MASK)
    other = logits(small, IDS.at[0, 2].set(8), MASK)
    assert jnp.abs(swapped[0] - wanted[0]).max() > 1e-3
    assert jnp.abs(other[0] - wanted[0]).max() > 1e-3
    np.testing.assert_allclose(other[1], wanted[1], atol=1e-6)


def test_tokens_without_a_mask_are_all_real(small):
    apply, params = small
    got = apply(params, {}, {"inputs": IDS})[0].logits
    np.testing.assert_allclose(got, logits(small, IDS, jnp.ones_like(IDS)), atol=1e-6)


def test_a_text_of_padding_is_finite(small):
    assert jnp.isfinite(logits(small, IDS, jnp.zeros_like(MASK))).all()


def test_dropout_follows_the_key_and_only_in_training(small):
    _, params = small
    model = encoder_classifier(**SIZES, dropout=0.5)
    batch = {"inputs": IDS, "token_mask": MASK}
    apply = jax.jit(model.apply, static_argnames="train")
    one, same, other = (
        apply(params, {}, batch, train=True, key=jax.random.key(n))[0].logits
        for n in (1, 1, 2)
    )
    assert jnp.array_equal(one, same)
    assert not jnp.array_equal(one, other)
    rested = apply(params, {}, batch, key=KEY)[0].logits
    assert jnp.array_equal(rested, apply(params, {}, batch)[0].logits)


def test_half_precision_computes_blocks_in_it_and_logits_in_float32():
    model = encoder_classifier(**SIZES, dtype="bfloat16", taps="EncoderBlock_0")
    params, _ = jax.eval_shape(model.init, KEY, {"inputs": IDS})
    outputs, _ = jax.eval_shape(model.apply, params, {}, {"inputs": IDS})
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}
    assert outputs.features["EncoderBlock_0"].dtype == jnp.bfloat16
    assert outputs.logits.dtype == jnp.float32


def test_texts_that_are_too_long_are_refused():
    with pytest.raises(ValueError, match=r"at most 12 steps, got \(1, 13\)"):
        encoder_classifier(**SIZES).init(KEY, {"inputs": jnp.zeros((1, 13), int)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 3}, "heads must divide dim=8, got 3"),
        ({"vocab": 0}, "vocab must be"),
        ({"mlp_dim": 0}, "mlp_dim must be"),
        ({"dropout": 1}, "dropout must be"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        encoder_classifier(**SIZES | change)
