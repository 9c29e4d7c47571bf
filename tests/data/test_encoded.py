"""Texts as the ids of a tokenizer, one that is there and one that is learned."""

import pytest

from jdistill import data, tokenizers
from tests.tokenizers.made import byte_pairs, gguf

TEXTS = ("red fox and red hen", "the quick brown fox", "hen", "Ünïcode 漢字 works 😀")


def test_bpe_learns_from_the_texts_it_is_given():
    texts = ["zyzzyva zyzzyva zyzzyva"]
    learned = data.bpe(vocab_size=270, max_length=30)(texts)
    other = data.bpe(vocab_size=270, max_length=30)(["a plain text"])
    lengths = [t.prepare(texts)["token_mask"].sum() for t in (learned, other)]
    assert lengths[0] < lengths[1]


def test_a_tokenizer_that_is_there_cuts_texts_as_it_does_itself():
    tokenizer = tokenizers.from_gguf(gguf(byte_pairs()))
    tokens = data.encoded(tokenizer, max_length=5)(())
    batch = tokens.prepare(["the cat sat", "a"])
    for row, mask, text in zip(*batch.values(), ["the cat sat", "a"], strict=True):
        ids = tokenizer.encode(text)[:5]
        assert row[mask > 0].tolist() == ids.tolist() and mask.sum() == len(ids)
    assert tokens.tokenizer is tokenizer
    assert tokens.info["vocab"] == tokenizer.vocab and tokens.info["steps"] == 5


def test_what_was_learned_is_a_tokenizer_that_writes_texts_back():
    tokens = data.bpe(vocab_size=300, max_length=40)(TEXTS)
    ids = tokens.tokenizer.encode(TEXTS[3])
    assert tokens.tokenizer.decode(ids).strip() == TEXTS[3].lower()
    assert tokens.tokenizer.vocab == tokens.info["vocab"] == 300
    assert tokens.info["prepare"]["name"] == "bpe"


def test_the_name_of_padding_in_a_text_is_a_word():
    batch = data.bpe(vocab_size=300, max_length=40)(TEXTS).prepare(["a [PAD] b"])
    assert (batch["inputs"][batch["token_mask"] > 0] != 0).all()
    assert batch["token_mask"].sum() > 4


def test_a_data_set_has_the_tokenizer_of_its_preparation(tmp_path):
    lines = [f'{{"text": "mail {i} of {i % 3}", "label": {i % 2}}}' for i in range(40)]
    (tmp_path / "mail.jsonl").write_text("\n".join(lines))
    learned = data.bpe(vocab_size=270, max_length=8)
    few = data.hashed_ngrams(num_buckets=9)
    own = data.jsonl(tmp_path / "mail.jsonl", prepare=learned)
    assert own.tokenizer.vocab == own.info["vocab"]
    both = data.jsonl(tmp_path / "mail.jsonl", prepare=data.beside(learned, a=few))
    assert both.tokenizer.fingerprint == own.tokenizer.fingerprint
    other = data.jsonl(tmp_path / "mail.jsonl", prepare=data.beside(few, a=learned))
    assert other.tokenizer is None, "a file describes how the student reads"


def test_what_is_no_tokenizer_is_named():
    with pytest.raises(TypeError, match="tokenizer"):
        data.encoded("gpt2")
