"""Texts in which the names of control tokens are words like others."""

import struct

import hypothesis
import numpy as np
import pytest
import tokenizers
from hypothesis import strategies
from tokenizers import AddedToken, models, pre_tokenizers

from jdistill.tokenizers import from_gguf, from_hf, from_json, from_llama2c, to_hf
from tests.tokenizers.made import byte_pairs, gguf, scored, unigram
from tests.tokenizers.test_framed import bert

SPACES = pre_tokenizers.WhitespaceSplit()


def words(model, special=("</s>", "?")):
    """A vocabulary of whole words, to which the name of a control token is one."""
    inner = tokenizers.Tokenizer(model)
    inner.pre_tokenizer = SPACES
    inner.add_special_tokens(list(special))
    return from_json(inner.to_str())


WORDS = {"</s>": 0, "a": 1, "?": 2, "mat": 3}
KINDS = {
    "bytes": (from_gguf(gguf()), "<|end|>"),
    "pieces": (from_gguf(scored("plain")), "</s>"),
    "unknown piece": (from_gguf(scored("prefix")), "<unk>"),
    "unigram": (from_json(unigram().to_str()), "</s>"),
    "words": (words(models.WordLevel(WORDS, unk_token="?")), "</s>"),
    "parts of words": (words(models.WordPiece(WORDS, unk_token="?")), "</s>"),
}
each_kind = pytest.mark.parametrize(("tokenizer", "name"), KINDS.values(), ids=KINDS)


def id_of(tokenizer, name):
    """The id of a token by its name."""
    found = [i for i in range(tokenizer.vocab) if tokenizer.bytes_of([i]) == name]
    return found[0]


@each_kind
def test_a_control_token_is_found_in_a_template_and_not_in_data(tokenizer, name):
    token = id_of(tokenizer, name.encode())
    assert token in tokenizer.control
    text = f"a {name} a"
    data, template = tokenizer.encode(text), tokenizer.encode(text, control=True)
    assert token in template and token not in data
    assert tokenizer.encode_many(["a", text])[1].tolist() == data.tolist()
    found = tokenizer.encode_many(["a", text], control=True)[1]
    assert found.tolist() == template.tolist()
    for control, ids in ((False, data), (True, template)):
        framed, _ = tokenizer.frame(text, control=control)
        assert ids.tolist() == [x for x in framed.tolist() if x in ids][: len(ids)]


@pytest.mark.parametrize("kind", ["bytes", "pieces", "unknown piece"])
@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(text=strategies.text(), at=strategies.integers(0, 9))
def test_data_is_its_bytes_whatever_stands_in_it(kind, text, at):
    hypothesis.assume("\u2581" not in text)  # what SentencePiece writes for a space
    tokenizer, name = KINDS[kind]
    text = text[:at] + name + text[at:]
    ids = tokenizer.encode(text)
    assert tokenizer.bytes_of(ids) == b" " * tokenizer.prefix + text.encode("utf-8")
    assert not tokenizer.control & set(ids.tolist())


@each_kind
def test_a_text_without_such_names_has_the_same_ids_either_way(tokenizer, name):
    del name
    for text in ("a mat, the cats  sat", "", " \n", "naïve 你好"):
        data = tokenizer.encode(text)
        assert data.tolist() == tokenizer.encode(text, control=True).tolist()


def test_data_is_cut_as_by_a_vocabulary_that_calls_no_token_special():
    plain = gguf()
    plain["tokenizer.ggml.token_type"] = [1] * len(plain["tokenizer.ggml.tokens"])
    other, (tokenizer, name) = from_gguf(plain), KINDS["bytes"]
    for text in (name, f"the{name}cat", f" {name} {name}\n", f"sat{name[:-1]}{name}"):
        assert tokenizer.encode(text).tolist() == other.encode(text).tolist()


def test_an_unknown_word_is_still_unknown_in_data():
    tokenizer, name = KINDS["words"]
    assert tokenizer.encode(f"a {name} dog").tolist() == [1, 2, 2]
    assert tokenizer.encode(f"a {name} dog", control=True).tolist() == [1, 0, 2]


def test_a_control_token_that_pairs_would_make_is_not_made_in_data():
    metadata = gguf(byte_pairs(), pre="llama-bpe", add_bos_token=False)
    tokens = metadata["tokenizer.ggml.tokens"]
    kinds = [3 if token in ("mat", "<|end|>") else 1 for token in tokens]
    metadata["tokenizer.ggml.token_type"] = kinds
    tokenizer = from_gguf(metadata)
    mat = tokens.index("mat")
    assert tokenizer.encode("mat", control=True).tolist() == [mat]
    assert mat not in tokenizer.encode("mat")
    assert tokenizer.bytes_of(tokenizer.encode("mat mats")) == b"mat mats"


def test_tokens_that_users_added_are_found_in_data_too():
    inner = byte_pairs()
    inner.add_tokens([AddedToken("<tool>", special=False, normalized=False)])
    tokenizer, number = from_json(inner.to_str()), inner.token_to_id("<tool>")
    ids = tokenizer.encode("<tool><|end|>").tolist()
    assert ids[0] == number and number not in tokenizer.control
    assert not tokenizer.control & set(ids)


def test_what_is_masked_is_found_between_the_tokens_of_bert_when_it_is_asked(tmp_path):
    tokenizer = bert(tmp_path)
    masked = tokenizer.frame("the [MASK] sat", control=True)[0]
    assert masked.tolist() == [2, 5, 4, 8, 3]
    assert 4 not in tokenizer.frame("the [MASK] sat")[0]
    pair = tokenizer.frame("the", "[SEP] sat")[0].tolist()
    assert pair.count(3) == 2


def test_the_definition_stays_what_it_is_and_so_does_what_is_written(tmp_path):
    tokenizer, name = KINDS["unigram"]
    before = tokenizer.definition()
    tokenizer.encode(name)
    assert tokenizer.definition() == before
    to_hf(tokenizer, tmp_path)
    again = from_hf(tmp_path)
    for control in (False, True):
        ids = again.encode(name, control=control)
        assert np.array_equal(ids, tokenizer.encode(name, control=control))


def test_llama2c_has_an_unknown_token_that_is_control(tmp_path):
    tokens = ["<unk>", "\n<s>\n", "\n</s>\n", *[f"<0x{i:02X}>" for i in range(256)]]
    tokens += ["<", "u", "n", "k", ">", " ", "un", "k>"]
    raw = struct.pack("<i", 9)
    for i, token in enumerate(tokens):
        raw += struct.pack("<fi", -float(i), len(token.encode())) + token.encode()
    (tmp_path / "tokenizer.bin").write_bytes(raw)
    tokenizer = from_llama2c(tmp_path / "tokenizer.bin")
    assert tokenizer.control == {0, 1, 2}
    assert 0 in tokenizer.encode("<unk>", control=True)
    assert tokenizer.bytes_of(tokenizer.encode("<unk>")) == b" <unk>"
    assert 0 not in tokenizer.encode("<unk>")
