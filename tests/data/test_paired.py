"""Texts about sources, as figures are taken of."""

import numpy as np
import pytest

from jdistill.data import paired, pairs
from jdistill.tokenizers import from_json
from tests.tokenizers.made import unigram

TOKENIZER = from_json(unigram().to_str())
SOURCES, TEXTS = ["the cat", "cats", "the"], ["cat", "the cats", "a cat </s>"]


def test_rows_are_pairs_of_framed_texts_and_bytes_those_of_the_texts():
    made = paired(TOKENIZER, SOURCES, TEXTS, start=0, edition="ours")
    batch = made.split.take([0, 1, 2])
    ids = [[TOKENIZER.frame(x)[0] for x in side] for side in (SOURCES, TEXTS)]
    plain = pairs(*ids, start=0).take([0, 1, 2])
    for name, x in plain.items():
        np.testing.assert_array_equal(batch[name], x)
    assert (batch["label"] == 1).sum() == 3  # '</s>' behind each, none inside
    size = batch["token_bytes"].sum(1)
    assert size[:2].tolist() == [3, 8]
    assert not batch["token_bytes"][batch["label"] == 1].any()


def test_the_protocol_says_what_the_pairs_were():
    made = paired(TOKENIZER, SOURCES, TEXTS, start=0, edition="ours")
    row = made.protocol
    assert (row["edition"], row["documents"], row["control"]) == ("ours", 3, False)
    assert row["targets"] == made.split.take([0, 1, 2])["label_mask"].sum()
    assert row["eos"] and not row["bos"]
    others = [
        paired(TOKENIZER, TEXTS, TEXTS, start=0),
        paired(TOKENIZER, SOURCES, TEXTS[::-1], start=0),
        paired(TOKENIZER, SOURCES, TEXTS, start=0, control=True),
    ]
    assert row["corpus"] not in [other.protocol["corpus"] for other in others]


def test_as_many_texts_as_sources():
    with pytest.raises(ValueError, match="as many sources as texts"):
        paired(TOKENIZER, SOURCES, TEXTS[:2], start=0)
