"""Generation against whole passes, one token at a time."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.language import generate, greedy, sample
from jdistill.models import DecoderConfig, decoder
from jdistill.typing import Frozen
from tests.models.transformers.tiny import TINY

CONFIG = DecoderConfig(
    vocab=30, dim=8, depth=2, heads=2, kv_heads=1, head_dim=4, mlp_dim=12, max_steps=16
)
PROMPTS = np.array([[3, 8, 2, 5], [7, 1, 0, 0]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
BATCH = {"inputs": PROMPTS, "token_mask": MASK}


@pytest.fixture(scope="module")
def small():
    model = decoder(CONFIG)
    shapes, _ = jax.eval_shape(model.init, jax.random.key(0), BATCH)
    draw = np.random.default_rng(3).normal
    return model, Frozen(
        jax.tree.map(lambda p: draw(0, 0.6, p.shape).astype("f4"), shapes)
    )


def written(model, frozen, batch=BATCH, *, seed=0, **options):
    options = {"steps": 6, "choose": greedy} | options
    run = jax.jit(functools.partial(generate, model, **options))
    return jax.tree.map(np.asarray, run(frozen, batch, key=jax.random.key(seed)))


def by_whole_passes(model, frozen, prompt, steps):
    """Greedy tokens and their log-probabilities, the whole text read each time."""
    apply, text, log_probs = jax.jit(model.apply), list(prompt), []
    for _ in range(steps):
        row = np.zeros((1, 16), int)
        row[0, : len(text)] = text
        logits = apply(frozen.params, {}, {"inputs": row})[0].logits[0, len(text) - 1]
        log_probs.append(jax.nn.log_softmax(logits).max())
        text.append(int(jnp.argmax(logits)))
    return text[len(prompt) :], log_probs


@pytest.mark.parametrize("cached", [True, False])
def test_greedy_tokens_equal_whole_passes_whatever_the_length_of_the_prompt(
    small, cached
):
    model, frozen = small
    model = model if cached else model._replace(decoding=None)
    got = written(model, frozen)
    for row, prompt in enumerate(([3, 8, 2, 5], [7, 1])):
        tokens, log_probs = by_whole_passes(model, frozen, prompt, 6)
        assert got.tokens[row].tolist() == tokens
        np.testing.assert_allclose(got.log_probs[row], log_probs, atol=1e-4)
    assert got.lengths.tolist() == [6, 6]


def test_a_text_ends_with_a_stop_token_and_the_others_go_on(small):
    free = written(*small)
    stop = int(free.tokens[0, 2])
    assert stop not in free.tokens[0, :2]
    got = written(*small, stop=(stop,), pad=29)
    assert got.lengths[0] == 3 and got.tokens[0].tolist()[3:] == [29, 29, 29]
    assert (got.log_probs[0, 3:] == 0).all()
    length = got.lengths[1]
    assert got.tokens[1, :length].tolist() == free.tokens[1, :length].tolist()


def test_what_is_drawn_depends_on_the_key_and_the_row(small):
    model, frozen = small
    twice = {"inputs": np.array([[3, 8], [3, 8]])}
    got = written(model, frozen, twice, choose=sample(temperature=5.0))
    again = written(model, frozen, twice, choose=sample(temperature=5.0))
    other = written(model, frozen, twice, choose=sample(temperature=5.0), seed=1)
    assert (got.tokens == again.tokens).all()
    assert (got.tokens != other.tokens).any() and (got.tokens[0] != got.tokens[1]).any()


def test_log_probabilities_are_the_models_own_whatever_was_left_out(small):
    model, frozen = small
    got = written(model, frozen, choose=sample(top_k=2, temperature=3.0))
    text = np.concatenate([[3, 8, 2, 5], got.tokens[0]])[None]
    logits = model.apply(frozen.params, {}, {"inputs": text})[0].logits[0]
    own = jax.nn.log_softmax(logits)[np.arange(3, 9), text[0, 4:]]
    np.testing.assert_allclose(got.log_probs[0], own, atol=1e-4)


@pytest.mark.parametrize(
    ("batch", "options", "message"),
    [
        (BATCH, dict(steps=13), "room for 17 tokens is more than the 16 positions"),
        (BATCH, dict(steps=0), "steps must be a whole number from 1"),
        ({"inputs": np.zeros((2, 0), int)}, {}, "prompts must be ids"),
        (BATCH | {"token_mask": MASK * [[1], [0]]}, {}, "row 1 has no token"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(small, batch, options, message):
    options = {"steps": 2, "key": jax.random.key(0)} | options
    with pytest.raises(ValueError, match=message):
        generate(*small, batch, **options)


@pytest.mark.parametrize("cached", [True, False])
def test_what_pads_a_vocabulary_is_never_written(cached):
    whole = decoder(dataclasses.replace(TINY, tied=False))
    params, _ = whole.init(jax.random.key(0), {})
    params["head"]["kernel"] = 30 * params["head"]["kernel"]
    batch = {"inputs": jnp.array([[1, 2], [3, 0]])}
    options = {"key": jax.random.key(0), "steps": 9}
    model = whole._replace(words=4)
    if not cached:
        whole, model = whole._replace(decoding=None), model._replace(decoding=None)
    assert (generate(whole, Frozen(params), batch, **options).tokens >= 4).any()
    found = generate(model, Frozen(params), batch, **options)
    assert (found.tokens < 4).all()
    logits = model.apply(params, {}, batch)[0].logits[:, -1, :4]
    wanted = jax.nn.log_softmax(logits)[jnp.arange(2), found.tokens[:, 0]]
    np.testing.assert_allclose(found.log_probs[:, 0], wanted, rtol=1e-4, atol=1e-5)
