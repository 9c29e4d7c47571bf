"""What every tokenizer promises, wherever it comes from."""

import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from tokenizers import pre_tokenizers, processors

from jdistill.tokenizers import from_gguf, from_hf, from_json, to_hf
from tests.tokenizers.made import TEXTS, byte_pairs, gguf, scored, unigram

KINDS = {
    "bytes": from_gguf(gguf()),
    "plain": from_gguf(scored("plain")),
    "prefix": from_gguf(scored("prefix")),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(text=strategies.text())
def test_the_bytes_of_the_ids_of_a_text_are_the_text(kind, text):
    hypothesis.assume(text and not {"<", "\u2581"} & set(text))
    tokenizer = KINDS[kind]
    ids = tokenizer.encode(text)
    assert tokenizer.bytes_of(ids) == b" " * tokenizer.prefix + text.encode("utf-8")
    assert tokenizer.num_bytes[ids].sum() == tokenizer.prefix + len(text.encode())
    assert tokenizer.decode(ids) == text


def test_only_a_tokenizer_that_begins_texts_with_a_space_has_a_prefix():
    assert {name: t.prefix for name, t in KINDS.items()} == {
        "bytes": 0,
        "plain": 0,
        "prefix": 1,
    }


@each_kind
def test_a_text_that_goes_on_is_cut_as_in_the_whole(kind):
    tokenizer = KINDS[kind]
    text = "the cat sat on the mat and the dog sat on the cat"
    whole = tokenizer.encode(text).tolist()
    for place in [i for i, char in enumerate(text) if char == " "]:
        first = tokenizer.encode(text[:place]).tolist()
        assert first + tokenizer.encode(text[place:], inside=True).tolist() == whole


@each_kind
def test_many_texts_are_cut_as_each_alone(kind):
    tokenizer = KINDS[kind]
    for inside in (False, True, [i % 2 == 0 for i in range(len(TEXTS))]):
        flags = inside if isinstance(inside, list) else [inside] * len(TEXTS)
        found = tokenizer.encode_many(TEXTS, inside=inside)
        for ids, text, flag in zip(found, TEXTS, flags, strict=True):
            assert ids.tolist() == tokenizer.encode(text, inside=flag).tolist()
            assert ids.dtype == np.int32


def test_decoding_leaves_out_the_frame_and_keeps_what_is_text():
    tokenizer = from_gguf(gguf(unknown_token_id=2))
    ids = [1, *tokenizer.encode("the cat!"), 0]
    assert tokenizer.decode(ids) == "the cat!"
    assert tokenizer.bytes_of(ids) == b"<|start|>the cat!<|end|>"


@pytest.mark.parametrize("ids", [[3, 272], [-1]])
def test_an_id_outside_the_vocabulary_is_refused(ids):
    with pytest.raises(ValueError, match=r"id (272|-1) is none of the 272 ids"):
        KINDS["bytes"].decode(ids)
    with pytest.raises(ValueError, match="none of the 272"):
        KINDS["bytes"].bytes_of(ids)


def test_the_fingerprint_is_of_the_content():
    inner = byte_pairs("12 123 1234 the cat's 12th tooth in 2012 " * 9, 300)
    base = gguf(inner)
    tokens = base["tokenizer.ggml.tokens"]
    swapped = [*tokens[:10], tokens[11], tokens[10], *tokens[12:]]
    others = {
        "tokens": gguf(inner, tokens=swapped),
        "cuts": gguf(inner, pre="smollm"),
        "merges": gguf(inner, merges=base["tokenizer.ggml.merges"][:-1]),
    }
    prints = {from_gguf(facts).fingerprint for facts in (base, *others.values())}
    assert len(prints) == 4
    assert from_gguf(gguf(inner)).fingerprint == from_gguf(base).fingerprint


def test_the_definition_gives_the_tokenizer_again():
    for tokenizer in KINDS.values():
        names = dict(tokenizer.special)
        again = from_json(
            tokenizer.definition(), special=names, begins=tokenizer.begins
        )
        assert again.fingerprint == tokenizer.fingerprint
        assert (again.special, again.begins) == (names, tokenizer.begins)


def test_padding_and_cutting_that_a_file_asks_for_are_left_out():
    inner = byte_pairs()
    inner.enable_truncation(3)
    inner.enable_padding(length=9)
    tokenizer = from_json(inner.to_str())
    text = "the cat sat on the mat"
    assert tokenizer.bytes_of(tokenizer.encode(text)) == text.encode()
    assert tokenizer.bytes_of(tokenizer.encode_many([text])[0]) == text.encode()


def test_bytes_are_known_where_a_file_puts_a_space_before_each_text():
    inner = byte_pairs()
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer = from_json(inner.to_str())
    assert tokenizer.prefix == 1
    assert tokenizer.bytes_of(tokenizer.encode("the cat")) == b" the cat"
    # such a one adds no space to a text that begins with one
    assert tokenizer.encode(" cat", inside=True).tolist() == (
        tokenizer.encode("cat").tolist()
    )


def test_words_with_marks_of_continuation_are_read():
    vocab = {"[UNK]": 0, "play": 1, "##ing": 2, "##s": 3}
    parts = {
        "version": "1.0",
        "model": {
            "type": "WordPiece",
            "vocab": vocab,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
        "pre_tokenizer": {"type": "Whitespace"},
    }
    tokenizer = from_json(json.dumps(parts), special={"unk": "[UNK]"})
    ids = tokenizer.encode("playing plays")
    assert ids.tolist() == [1, 2, 1, 3]
    assert tokenizer.num_bytes[ids].tolist() == [4, 3, 4, 1]
    assert tokenizer.special == {"unk": 0}


@pytest.mark.parametrize(
    ("definition", "options", "message"),
    [
        ("{", {}, "no tokenizer.json"),
        ('{"version": "1.0"}', {}, "no tokenizer.json"),
        (None, {"special": {"end": 0}}, r"have the names \('bos', .* got \['end'\]"),
        (
            None,
            {"special": {"eos": "<nothing>"}},
            "the eos token '<nothing>' is not in",
        ),
        (None, {"begins": True}, "with a 'bos' token, but none"),
    ],
)
def test_what_is_no_tokenizer_is_refused(definition, options, message):
    with pytest.raises(ValueError, match=message):
        from_json(definition or byte_pairs().to_str(), **options)


def test_pieces_with_scores_are_read_and_texts_end_as_the_file_ends_them(tmp_path):
    inner = unigram()
    read = from_json(inner.to_str())
    assert read.special == {"eos": 1} and not read.begins
    text = "the cats  cat"
    ids = read.encode(text)
    assert [*ids, read.special["eos"]] == inner.encode(text).ids
    assert read.bytes_of(ids) == b" the cats cat" and read.prefix == 1
    assert read.decode([*ids, 1]) == "the cats cat"
    sentinel = inner.token_to_id("<extra_id_0>")
    ids = read.encode("cat <extra_id_0>", control=True)
    assert ids[-1] == sentinel in read.control
    to_hf(read, tmp_path)
    again = from_hf(tmp_path)
    assert (again.fingerprint, again.special) == (read.fingerprint, read.special)


def test_what_a_file_puts_around_a_text_may_be_said_to_be_nothing():
    inner = unigram()
    inner.post_processor = processors.TemplateProcessing(
        single=["<pad>", "$A", "</s>"], special_tokens=[("<pad>", 0), ("</s>", 1)]
    )
    around = from_json(inner.to_str())
    assert around.special == {"bos": 0, "eos": 1} and around.begins
    bare = from_json(inner.to_str(), special={"eos": None})
    assert bare.special == {"bos": 0}


def test_control_tokens_that_end_a_text_are_not_decoded_and_words_are():
    tokenizer = from_gguf(gguf(eos_token_id=0, eot_token_id=1, eom_token_id=40))
    assert tokenizer.ends == (0, 1, 40) and tokenizer.control == {0, 1}
    ids = [*tokenizer.encode("the cat"), 1, 0]
    assert tokenizer.decode(ids) == "the cat"
    assert tokenizer.decode([40]) == tokenizer.bytes_of([40]).decode() != ""


@pytest.mark.parametrize("wrong", [-1, 10**6, True])
def test_an_end_that_is_no_id_is_refused(wrong):
    with pytest.raises(ValueError, match=f"the end {wrong!r} is not in this vocab"):
        from_json(byte_pairs().to_str(), ends=[wrong])
