"""Tokenizers of fewer tokens."""

import json

import numpy as np
import pytest

from jdistill.tokenizers import from_gguf, from_json, keep
from tests.tokenizers.made import TEXTS, byte_pairs, gguf, scored

MAKERS = {
    "byte pairs": lambda: from_gguf(gguf(byte_pairs())),
    "scores": lambda: from_gguf(scored("prefix")),
    "scores without a prefix": lambda: from_gguf(scored("plain")),
}


@pytest.fixture(params=list(MAKERS))
def tokenizer(request):
    return MAKERS[request.param]()


def ids_of(tokenizer, texts):
    return np.unique(np.concatenate([tokenizer.encode(text) for text in texts]))


def test_texts_of_kept_tokens_are_cut_as_before(tokenizer):
    half = TEXTS[::2]
    small = keep(tokenizer, ids_of(tokenizer, half))
    assert small.tokenizer.vocab == len(small.ids) < tokenizer.vocab
    for text in half:
        new = small.tokenizer.encode(text)
        assert small.ids[new].tolist() == tokenizer.encode(text).tolist()


def test_each_kept_id_stands_for_the_same_bytes(tokenizer):
    small = keep(tokenizer, ids_of(tokenizer, TEXTS[:3]))
    for new, old in enumerate(small.ids):
        assert small.tokenizer.bytes_of([new]) == tokenizer.bytes_of([old])
    for role, number in tokenizer.special.items():
        assert small.ids[small.tokenizer.special[role]] == number
    assert small.tokenizer.begins == tokenizer.begins


def test_nothing_kept_still_writes_every_text(tokenizer):
    small = keep(tokenizer, [])
    for text in TEXTS:
        new, old = small.tokenizer.encode(text), tokenizer.encode(text)
        assert len(new) >= len(old)
        assert small.tokenizer.bytes_of(new) == tokenizer.bytes_of(old)


def test_all_kept_is_the_same_tokenizer(tokenizer):
    same = keep(tokenizer, range(tokenizer.vocab))
    assert same.tokenizer.fingerprint == tokenizer.fingerprint
    assert same.ids.tolist() == list(range(tokenizer.vocab))


def test_a_token_that_is_joined_in_several_ways_keeps_the_parts_that_are_used():
    """`abc` is a + bc, as b c ranks first; a b is another's."""
    made = from_gguf(
        {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "gpt-2",
            "tokenizer.ggml.tokens": ["a", "b", "c", "bc", "ab", "abc"],
            "tokenizer.ggml.merges": ["b c", "a b", "ab c", "a bc"],
        }
    )
    assert made.encode("abc").tolist() == [5]
    small = keep(made, [5])
    assert small.ids.tolist() == [0, 1, 2, 3, 5]
    assert small.tokenizer.encode("abcab").tolist() == [4, 0, 1]


@pytest.mark.parametrize("ids", [[-1], [10**6]])
def test_an_id_that_is_not_there_is_named(tokenizer, ids):
    with pytest.raises(ValueError, match=f"id {ids[0]} is none of the"):
        keep(tokenizer, ids)


def test_a_tokenizer_that_joins_no_pairs_is_refused():
    words = {"type": "WordLevel", "vocab": {"a": 0, "?": 1}, "unk_token": "?"}
    made = from_json(json.dumps({"model": words, "version": "1.0"}))
    with pytest.raises(ValueError, match="a WordLevel tokenizer joins no pairs"):
        keep(made, [0])


def test_what_ends_a_text_stays_and_is_numbered_anew():
    whole = from_gguf(gguf(byte_pairs(), eot_token_id=270))
    small = keep(whole, [])
    assert whole.ends == (0, 270)
    assert [int(small.ids[i]) for i in small.tokenizer.ends] == [0, 270]
