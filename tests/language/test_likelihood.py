"""How likely a network finds that a text goes on in a certain way."""

import numpy as np
import pytest

from jdistill.language import log_likelihoods
from jdistill.tokenizers import from_gguf
from tests.language.bigrams import bigrams, log_probs
from tests.tokenizers.made import gguf, scored

BARE, BEGUN = from_gguf(gguf()), from_gguf(gguf(add_bos_token=True))
PREFIX = from_gguf(scored("prefix"))
PAIRS = [
    ("the cat", " sat on the mat"),
    ("the cats sat on", " the mats; the cat sat on the cats and the mat"),
    ("", "the cat"),
    ("on", " cat"),
]


def wanted(frozen, tokenizer, prompt, more):
    """The sum in the plainest way, prompt and continuation cut together."""
    whole, known = tokenizer.encode(prompt + more), len(tokenizer.encode(prompt))
    known = known if prompt else 0
    special = tokenizer.special
    ahead = [special["bos"]] if tokenizer.begins or not known else []
    ids = [*ahead, *whole.tolist()]
    logs = log_probs(frozen, ids[:-1])
    places = range(len(ahead) + known - 1, len(ids) - 1)
    return sum(logs[i, ids[i + 1]] for i in places), len(places)


@pytest.mark.parametrize("headed", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize(
    "tokenizer", [BARE, BEGUN, PREFIX], ids=["bare", "begun", "sp"]
)
def test_a_sum_is_over_the_tokens_of_the_continuation(tokenizer, batch_size, headed):
    model, frozen = bigrams(tokenizer.vocab, headed=headed)
    found = log_likelihoods(
        model, frozen, tokenizer, PAIRS, batch_size=batch_size, tokens=7
    )
    for i, (prompt, more) in enumerate(PAIRS):
        value, count = wanted(frozen, tokenizer, prompt, more)
        assert found.log_prob[i] == pytest.approx(value, rel=1e-4)
        assert found.tokens[i] == count
    assert not found.cut.any()


def test_spaces_at_the_end_of_a_prompt_belong_to_the_continuation():
    model, frozen = bigrams(BARE.vocab)
    pairs = [("the cat ", "sat"), ("the cat", " sat")]
    found = log_likelihoods(model, frozen, BARE, pairs)
    assert found.log_prob[0] == pytest.approx(found.log_prob[1], rel=1e-6)
    assert found.tokens.tolist() == [len(BARE.encode(" sat"))] * 2


def test_a_long_prompt_loses_its_beginning_and_keeps_its_bos():
    model, frozen = bigrams(BEGUN.vocab)
    prompt, more = "the cat sat on the mat; " * 9 + "the", " cat sat"
    whole = BEGUN.encode(prompt + more).tolist()
    count = len(whole) - len(BEGUN.encode(prompt))
    found = log_likelihoods(model, frozen, BEGUN, [(prompt, more)], steps=10)
    ids = [BEGUN.special["bos"], *whole[-10:]]
    logs = log_probs(frozen, ids[:-1])
    value = sum(logs[i, ids[i + 1]] for i in range(10 - count, 10))
    assert found.cut.tolist() == [True]
    assert found.log_prob[0] == pytest.approx(value, rel=1e-4)


def test_padded_ids_and_capped_logits_are_those_of_the_network():
    model, frozen = bigrams(BARE.vocab + 5)
    head = np.array(frozen.params["head"])
    logits = head[:, : BARE.vocab]
    narrow = frozen._replace(params={**frozen.params, "head": logits})
    one = log_likelihoods(model, frozen, BARE, PAIRS, vocab=BARE.vocab)
    two = log_likelihoods(model, narrow, BARE, PAIRS)
    np.testing.assert_allclose(one.log_prob, two.log_prob, rtol=1e-5)
    capped = log_likelihoods(model._replace(cap=1e-3), narrow, BARE, PAIRS)
    even = -np.log(BARE.vocab) * capped.tokens
    np.testing.assert_allclose(capped.log_prob, even, rtol=1e-3)


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        ([], {}, "there are no texts"),
        ([("the", "")], {}, "text 0: the continuation '' has no token"),
        (
            [("a", "b"), ("a", " the" * 9)],
            {"steps": 4},
            "text 1: the contin.* room for 4",
        ),
        ([("a", "b")], {"batch_size": 0}, "must be positive"),
    ],
)
def test_what_cannot_be_scored_is_named(pairs, options, message):
    model, frozen = bigrams(BARE.vocab)
    with pytest.raises(ValueError, match=message):
        log_likelihoods(model, frozen, BARE, pairs, **options)


def test_a_text_without_a_prompt_stands_behind_something():
    model, frozen = bigrams(BARE.vocab)
    alone = from_gguf(gguf(bos_token_id=None, eos_token_id=None))
    with pytest.raises(ValueError, match="text 0 has no prompt, and the tokenizer no"):
        log_likelihoods(model, frozen, alone, [("", "the")])
    ended = from_gguf(gguf(bos_token_id=None))
    found = log_likelihoods(model, frozen, ended, [("", "the")])
    ids = [ended.special["eos"], *ended.encode("the").tolist()]
    assert found.log_prob[0] == pytest.approx(log_probs(frozen, ids[:1])[0, ids[1]])


def test_the_name_of_a_control_token_is_a_word_unless_it_is_asked_for():
    model, frozen = bigrams(BARE.vocab)
    pair = [("the cat", " sat<|end|>")]
    found = log_likelihoods(model, frozen, BARE, pair)
    template = log_likelihoods(model, frozen, BARE, pair, control=True)
    words = len(BARE.encode(" sat"))
    assert template.tokens.tolist() == [words + 1] < found.tokens.tolist()
