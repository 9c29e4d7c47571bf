"""Texts between the tokens that encoders know them by."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

from jdistill.tokenizers import framed, from_hf, from_json, to_hf
from tests.tokenizers.made import byte_pairs

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat", ".")
ROLES = ("pad", "unk", "cls", "sep", "mask")
NAMED = {f"{role}_token": f"[{role.upper()}]" for role in ROLES}


def bert(folder):
    """A small WordPiece vocabulary, in a folder as BERT has it."""
    vocab = {word: i for i, word in enumerate(WORDS)}
    inner = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.add_special_tokens(list(WORDS[:5]))
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    inner.enable_truncation(4)
    inner.enable_padding(length=16)
    inner.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(NAMED))
    return from_hf(folder)


def roberta(folder):
    inner = byte_pairs()
    inner.add_special_tokens(["<s>", "</s>"])
    begin, end = (inner.token_to_id(x) for x in ("<s>", "</s>"))
    inner.post_processor = processors.RobertaProcessing(("</s>", end), ("<s>", begin))
    inner.save(str(folder / "tokenizer.json"))
    named = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    return from_hf(folder), begin, end


def test_bert_puts_its_tokens_around_one_text_and_two(tmp_path):
    tokenizer = bert(tmp_path)
    assert tokenizer.encode("The cats dog").tolist() == [5, 6, 7, 1]
    ids, types = tokenizer.frame("The cats sat.")
    assert ids.tolist() == [2, 5, 6, 7, 8, 9, 3] and not types.any()
    ids, types = tokenizer.frame("Cat", "sat.")
    assert ids.tolist() == [2, 6, 3, 8, 9, 3] and types.tolist() == [0, 0, 0, 1, 1, 1]
    assert tokenizer.decode(ids) == "cat sat ."
    assert tokenizer.special == {role: i for i, role in enumerate(ROLES)}
    assert not tokenizer.begins


def test_roberta_puts_two_ends_between_texts(tmp_path):
    tokenizer, begin, end = roberta(tmp_path)
    the, cat = (tokenizer.encode(x).tolist() for x in ("the", " cat"))
    assert tokenizer.frame("the")[0].tolist() == [begin, *the, end]
    ids, types = tokenizer.frame("the", " cat")
    assert ids.tolist() == [begin, *the, end, end, *cat, end] and not types.any()
    assert tokenizer.begins and tokenizer.special["bos"] == begin


def test_roles_and_frames_are_written_and_read(tmp_path):
    tokenizer = bert(tmp_path)
    to_hf(tokenizer, tmp_path / "out")
    again = from_hf(tmp_path / "out")
    assert again.special == tokenizer.special and again.begins == tokenizer.begins
    assert again.frame("the", "cat")[0].tolist() == [2, 5, 3, 6, 3]


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        (3, [2, 3, 3]),
        (4, [2, 5, 3, 3]),
        (5, [2, 5, 3, 8, 3]),
        (6, [2, 5, 6, 3, 8, 3]),
        (8, [2, 5, 6, 7, 9, 3, 8, 3]),
        (30, [2, 5, 6, 7, 9, 3, 8, 3]),
    ],
)
def test_of_two_texts_the_longer_is_cut_first(steps, wanted, tmp_path):
    tokenizer = bert(tmp_path)
    assert tokenizer.frame("the cats.", "sat", steps=steps)[0].tolist() == wanted


def test_a_batch_is_padded_and_cut(tmp_path):
    batch = framed(bert(tmp_path), ["the cat sat .", "cat"], steps=5)
    assert batch["inputs"].tolist() == [[2, 5, 6, 8, 3], [2, 6, 3, 0, 0]]
    assert batch["token_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    pairs = framed(bert(tmp_path), ["the", "cat"], steps=6, pairs=["sat", ""])
    np.testing.assert_array_equal(
        pairs["token_type"], [[0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0]]
    )


def test_a_vocabulary_without_a_template_adds_nothing():
    plain = from_json(byte_pairs().to_str())
    assert plain.frame("the")[0].tolist() == plain.encode("the").tolist()


def test_no_room_and_missing_pairs_are_named(tmp_path):
    tokenizer = bert(tmp_path)
    with pytest.raises(ValueError, match="steps=1 leaves no room"):
        tokenizer.frame("the", steps=1)
    with pytest.raises(ValueError, match="2 texts and 1 pairs"):
        framed(tokenizer, ["the", "cat"], steps=9, pairs=["sat"])
