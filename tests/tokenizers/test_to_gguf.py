"""Tokenizers as the metadata of a GGUF file."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import models, pre_tokenizers

from jdistill.tokenizers import from_gguf, from_json, to_gguf
from tests.tokenizers.made import TEXTS, byte_pairs, gguf, scored


def same(one, two):
    assert one.fingerprint == two.fingerprint
    assert one.special == two.special
    assert one.ends == two.ends
    assert one.begins == two.begins
    for text in TEXTS:
        np.testing.assert_array_equal(one.encode(text), two.encode(text))


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "llama-bpe", "qwen2", "default"])
def test_byte_pairs_come_back(pre):
    made = from_gguf(gguf(pre=pre))
    metadata = to_gguf(made)
    assert metadata["tokenizer.ggml.pre"] == pre
    assert metadata["tokenizer.ggml.merges"] == gguf()["tokenizer.ggml.merges"]
    same(from_gguf(metadata), made)


@pytest.mark.parametrize("name", ["prefix", "plain"])
def test_pieces_with_scores_come_back(name):
    known = scored(name)
    made = from_gguf(known)
    metadata = to_gguf(made)
    same(from_gguf(metadata), made)
    assert list(metadata["tokenizer.ggml.token_type"]) == list(
        known["tokenizer.ggml.token_type"]
    )
    assert metadata["tokenizer.ggml.add_space_prefix"] == (name == "prefix")


def test_digits_of_a_tokenizer_json_are_known_by_how_they_are_cut():
    inner = byte_pairs("12 123 1234 the 12th 2012 " * 9, 300)
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made = from_json(inner.to_str())
    metadata = to_gguf(made)
    assert metadata["tokenizer.ggml.pre"] == "smollm"
    same(from_gguf(metadata), made)


def test_what_no_metadata_give_is_refused():
    words = tokenizers.Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    with pytest.raises(ValueError, match="no metadata of a GGUF file"):
        to_gguf(from_json(words.to_str()))
    inner = byte_pairs()
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("t", "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    with pytest.raises(ValueError, match="cuts text like this one"):
        to_gguf(from_json(inner.to_str()))
    holes = json.loads(byte_pairs().to_str())
    holes["model"]["vocab"]["zz"] = 999
    with pytest.raises(ValueError, match="ids without a token"):
        to_gguf(from_json(json.dumps(holes)))


@pytest.mark.parametrize("ends", [(), (5,), (5, 7), (7, 5, 9)])
def test_what_ends_a_text_turn_and_message_comes_back(ends):
    metadata = gguf(eos_token_id=None)
    keys = [f"tokenizer.ggml.{x}_token_id" for x in ("eos", "eot", "eom")]
    made = from_gguf(metadata | dict(zip(keys, ends, strict=False)))
    assert made.ends == ends and made.special.get("eos") == (ends or (None,))[0]
    written = to_gguf(made)
    assert [written[key] for key in keys if key in written] == list(ends)
    same(from_gguf(written), made)


def test_more_ends_than_a_file_has_keys_for_are_refused():
    made = from_json(byte_pairs().to_str(), ends=[5, 6, 7, 8])
    with pytest.raises(ValueError, match=r"names 3 ids .* has 4: \[5, 6, 7, 8\]; give"):
        to_gguf(made)
    assert to_gguf(made._replace(ends=(5,)))["tokenizer.ggml.eos_token_id"] == 5
