"""Tokenizers from the metadata of GGUF files."""

import json
import unicodedata

import numpy as np
import pytest
import tokenizers
from tokenizers import pre_tokenizers

from jdistill.tokenizers import from_gguf, from_json
from jdistill.tokenizers._gguf import SPLITS
from tests.tokenizers.made import GOLDEN, TEXTS, byte_pairs, gguf, scored


@pytest.mark.parametrize("name", ["prefix", "plain"])
def test_pieces_with_scores_are_cut_as_sentencepiece_cuts_them(name):
    tokenizer = from_gguf(scored(name))
    wanted = GOLDEN["models"][name]["ids"]
    # there `<s>` in a text is text; here a control token is found in it
    plain = [i for i, text in enumerate(TEXTS) if "<s>" not in text]
    assert len(plain) > 10
    assert [tokenizer.encode(TEXTS[i]).tolist() for i in plain] == [
        wanted[i] for i in plain
    ]


def test_byte_pairs_are_cut_as_the_tokenizer_they_come_from():
    inner = byte_pairs()
    tokenizer = from_gguf(gguf(inner))
    for text in TEXTS:
        wanted = inner.encode(text, add_special_tokens=False).ids
        assert tokenizer.encode(text).tolist() == wanted


def test_digits_stand_alone_where_the_family_says_so():
    """As the `tokenizer.json` of SmolLM says: digits one by one, then GPT-2's rule."""
    inner = byte_pairs("12 123 1234 the 12th 2012 " * 9, 300)
    theirs = tokenizers.Tokenizer.from_str(inner.to_str())
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    ours = from_gguf(gguf(inner, pre="smollm"))
    together = from_gguf(gguf(inner))
    texts = [*TEXTS, "12 123 1234 the 12th 2012", " ①² 12"]
    for text in texts:
        wanted = theirs.encode(text, add_special_tokens=False).ids
        assert ours.encode(text).tolist() == wanted
    assert any(len(together.encode(t)) < len(ours.encode(t)) for t in texts)


def cut(text):
    return text.split("|")


CUTS = {
    "gpt-2": cut("it|'s| 1234| IT|'|S|\n\n  | x|.\"|\n"),
    "smollm": cut("it|'s| |1|2|3|4| IT|'|S|\n\n  | x|.\"|\n"),
    "llama-bpe": cut("it|'s| |123|4| IT|'S|\n\n|  | x|.\"\n"),
    "qwen2": cut("it|'s| |1|2|3|4| IT|'S|\n\n|  | x|.\"\n"),
    "gpt-4o": cut("it's| |123|4| IT'S|\n\n|  | x|.\"\n"),
    "tekken": cut("it|'s| |1|2|3|4| IT|'S|\n\n|  | x|.\"\n"),
    "default": cut("it|'|s| |123|4| IT|'|S|\n\n  | x|.\"|\n"),
}


@pytest.mark.parametrize("kind", CUTS)
def test_each_family_cuts_words_numbers_and_spaces_in_its_way(kind):
    cuts = json.loads(from_gguf(gguf(pre=kind)).definition())["pre_tokenizer"]
    *splits, _ = cuts["pretokenizers"]
    rules = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(each["pattern"]["Regex"]), "isolated")
            for each in splits
        ]
    )
    found = rules.pre_tokenize_str("it's 1234 IT'S\n\n   x.\"\n")
    assert [piece for piece, _ in found] == CUTS[kind]


@pytest.mark.parametrize("kind", sorted(SPLITS))
def test_what_is_cut_is_all_of_the_text(kind):
    tokenizer = from_gguf(gguf(pre=kind))
    for text in TEXTS:
        kept = unicodedata.normalize("NFC", text) if kind == "qwen2" else text
        assert tokenizer.bytes_of(tokenizer.encode(text)) == kept.encode()


def test_a_word_that_is_a_token_is_taken_whole_where_the_family_says_so():
    facts = {"tokens": ["a", "b", "c", "ab", "bc", "abc"], "merges": ["b c", "a b"]}
    plain = gguf(pre="gpt-2", token_type=None, bos_token_id=0, **facts)
    whole = gguf(pre="llama-bpe", token_type=None, bos_token_id=0, **facts)
    assert from_gguf(plain).encode("abc").tolist() == [0, 4]
    assert from_gguf(whole).encode("abc").tolist() == [5]


def test_control_tokens_and_those_of_users_are_found_in_a_text():
    kinds = {"<|start|>": 3, "<|end|>": 3, "mat": 4}
    metadata = gguf()
    tokens = metadata["tokenizer.ggml.tokens"]
    metadata["tokenizer.ggml.token_type"] = [kinds.get(token, 1) for token in tokens]
    metadata["tokenizer.ggml.merges"] = []
    tokenizer = from_gguf(metadata)
    ids = tokenizer.encode("mats<|end|>", control=True).tolist()
    assert [ids[0], ids[-1]] == [tokens.index("mat"), 0]
    assert tokenizer.control == {0, 1}
    assert tokenizer.bytes_of(ids) == b"mats<|end|>"


def test_the_file_says_whether_windows_begin_with_bos():
    assert not from_gguf(gguf()).begins
    assert from_gguf(gguf(add_bos_token=True)).begins
    assert from_gguf(gguf(pre="llama-bpe")).begins
    assert from_gguf(scored()).begins
    assert not from_gguf(scored(add_bos_token=False)).begins
    told = from_gguf(gguf(add_bos_token=True))
    read = from_json(told.definition())
    assert read.begins and read.special["bos"] == told.special["bos"] == 1


def test_tokens_may_be_bytes_and_arrays():
    metadata = scored()
    tokens = [token.encode() for token in metadata["tokenizer.ggml.tokens"]]
    scores = np.array(metadata["tokenizer.ggml.scores"], np.float32)
    kinds = np.array(metadata["tokenizer.ggml.token_type"], np.int32)
    other = from_gguf(scored(tokens=tokens, scores=scores, token_type=kinds))
    assert other.fingerprint == from_gguf(metadata).fingerprint


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "no 'tokenizer.ggml.model'"),
        (gguf(model="bert"), r"'bert'; those that are read are \['gpt2', 'llama'\]"),
        (gguf(pre="porcelain"), r"'porcelain'; those that are known are \[.*'qwen2'"),
        (gguf(merges=None), "no 'tokenizer.ggml.merges'"),
        (gguf(merges=["the"]), "merge 0, 'the', is not two tokens that"),
        (gguf(merges=["the zebra"]), "merge 0, 'the zebra', is not two tokens that"),
        (gguf(token_type=[1, 1]), "token_type has 2 values for 272 tokens"),
        (gguf(bos_token_id=280), "the bos token 280 is not in this vocabulary of 272"),
        (
            gguf(add_bos_token=True, bos_token_id=None),
            "with a 'bos' token, but none is",
        ),
        (gguf(tokens=["a", "b", "a"], token_type=None), "'a' is both id 0 and id 2"),
        (scored(scores=None), "no 'tokenizer.ggml.scores'"),
        (scored(scores=[0.0]), "scores has 1 values for 500 tokens"),
        (scored(unknown_token_id=500), "the unk token 500 is not in this vocabulary"),
    ],
)
def test_metadata_that_are_no_tokenizer_are_refused(metadata, message):
    with pytest.raises(ValueError, match=message):
        from_gguf(metadata)
