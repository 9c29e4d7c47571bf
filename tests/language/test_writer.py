"""Texts after prompts."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import data, tokenizers
from jdistill.language import (
    figures,
    generate,
    greedy,
    keep_tokens,
    log_likelihoods,
    sample,
    writer,
)
from jdistill.language._writer import prompts
from jdistill.models import DecoderConfig, decoder, from_function
from jdistill.typing import Frozen
from tests.tokenizers.made import byte_pairs, gguf

TOKENIZER = tokenizers.from_gguf(gguf(byte_pairs()))
LETTERS = tokenizers.from_gguf(
    {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.tokens": ["a", "b", "c", "<e>"],
        "tokenizer.ggml.token_type": [1, 1, 1, 3],
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.bos_token_id": 3,
        "tokenizer.ggml.add_bos_token": True,
    }
)
NEXT = from_function(lambda params, x: jax.nn.one_hot((x + 1) % 4, 4))


def test_a_text_is_what_generate_writes_after_its_ids():
    config = DecoderConfig(
        vocab=TOKENIZER.vocab,
        dim=8,
        depth=1,
        heads=2,
        kv_heads=1,
        head_dim=4,
        mlp_dim=8,
        max_steps=64,
    )
    model = decoder(config)
    frozen = Frozen(*model.init(jax.random.key(0), {}))
    frozen = jax.tree.map(lambda p: 20 * p, frozen)
    texts = ["the cat", "one two three four"]
    got = writer(model, frozen, TOKENIZER, steps=5, stop=())(texts)
    for text, written in zip(texts, got, strict=True):
        ids = TOKENIZER.encode(text)[None]
        alone = generate(
            model,
            frozen,
            {"inputs": ids},
            key=jax.random.key(0),
            steps=5,
            choose=greedy,
        )
        assert written == TOKENIZER.decode(alone.tokens[0])


def test_a_text_ends_at_eos_and_the_prompt_begins_with_bos():
    write = writer(NEXT, Frozen({}), LETTERS, steps=9)
    assert write("a") == "bc"
    assert write(["b", "ab"]) == ["c", "c"]
    batch = prompts(LETTERS, ["", "ab"])
    assert batch["inputs"][:, :3].tolist() == [[3, 0, 0], [3, 0, 1]]
    assert batch["token_mask"].sum(1).tolist() == [1, 3]
    assert write("") == "abc"


def test_what_is_drawn_follows_the_seed():
    flat = from_function(lambda params, x: jnp.zeros((*x.shape, 4)))
    write = writer(flat, Frozen({}), LETTERS, steps=20, choose=sample(), stop=())
    assert write("a", seed=1) == write("a", seed=1) != write("a", seed=2)


def test_a_prompt_without_a_token_is_named():
    bare = tokenizers.from_gguf(gguf(byte_pairs()))
    assert not bare.begins
    with pytest.raises(ValueError, match="prompt 1 has no token: ''"):
        writer(NEXT, Frozen({}), bare)(["a", ""])


def test_no_prompts_are_no_texts():
    assert np.asarray(prompts(LETTERS, [])["inputs"]).shape[0] == 0


def test_a_prompt_is_a_template_unless_it_is_said_to_be_data():
    ids = prompts(LETTERS, ["a<e>b"])["inputs"][0, :4].tolist()
    assert ids == [3, 0, 3, 1]
    # neither '<' nor 'e' is in this vocabulary
    data = prompts(LETTERS, ["a<e>b"], control=False)["inputs"][0, :4].tolist()
    assert data == [3, 0, 1, 0]
    template, text = (
        writer(NEXT, Frozen({}), LETTERS, steps=2, stop=(), control=control)("a<e>")
        for control in (True, False)
    )
    assert (template, text) == ("ab", "bc")


def test_a_text_ends_at_each_of_its_ends():
    several = LETTERS._replace(ends=(3, 2))
    assert writer(NEXT, Frozen({}), several, steps=9)(["a", "ab"]) == ["bc", "c"]
    assert writer(NEXT, Frozen({}), LETTERS._replace(ends=()), steps=5)("a") == "bcab"


def little(steps=40):
    config = DecoderConfig(
        vocab=TOKENIZER.vocab,
        dim=8,
        depth=1,
        heads=1,
        kv_heads=1,
        head_dim=8,
        mlp_dim=8,
        max_steps=steps,
    )
    model = decoder(config)
    return model, Frozen(*model.init(jax.random.key(0), {}))


def test_padding_takes_no_room_of_what_is_written():
    """Prompts are padded to 32, of which 2 are real here."""
    ids = TOKENIZER.encode("the cat")
    assert len(ids) == 2
    write = writer(*little(), TOKENIZER, steps=38, stop=())
    assert write("the cat")
    with pytest.raises(ValueError, match="more than the 40 positions of the model"):
        writer(*little(), TOKENIZER, steps=39, stop=())("the cat")


@pytest.mark.parametrize("wrong", [["the", 3], [None], None, 5])
def test_a_prompt_is_a_text(wrong):
    with pytest.raises(TypeError, match="a prompt is a text, got"):
        writer(NEXT, Frozen({}), LETTERS)(wrong)


def test_ids_that_a_smaller_vocabulary_lacks_are_counted():
    model, frozen = little()
    kept = tokenizers.keep(TOKENIZER, TOKENIZER.encode("the cat"))
    whole = DecoderConfig(**json.loads(model.spec)["config"])
    params, config = keep_tokens(frozen.params, whole, kept.ids)
    small = decoder(config), Frozen(params)
    text = "the cats sat on the mats"
    ids = TOKENIZER.encode(text)
    gone = int((ids >= config.vocab).sum())
    assert gone
    message = f"{gone} of {len(ids)} ids are none of the {config.vocab} of the network"
    with pytest.raises(ValueError, match=message):
        writer(*small, TOKENIZER)(text)
    twice = sum(int((x >= config.vocab).sum()) for x in (ids[:-1], ids[1:]))
    batch = {"inputs": ids[None]}
    with pytest.raises(ValueError, match=message):
        generate(*small, batch, key=jax.random.key(0), steps=3)
    with pytest.raises(ValueError, match=f"{twice} of {2 * len(ids) - 2} ids"):
        figures(*small, data.windows(data.tokenize([text], TOKENIZER), steps=30))
    with pytest.raises(ValueError, match=" ids are none of the"):
        log_likelihoods(*small, TOKENIZER, [("the", text[3:])])
    assert writer(*small, kept.tokenizer, steps=3, stop=())(text)


def test_windows_longer_than_the_positions_are_refused():
    windows = data.windows(data.tokenize(["the cat sat " * 30], TOKENIZER), steps=50)
    with pytest.raises(ValueError, match="are longer than the 40 positions of the net"):
        figures(*little(), windows)
