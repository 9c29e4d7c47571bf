"""Definitions that take all memory, or make the package panic, are one line."""

import json

import pytest

from jdistill import tokenizers
from jdistill.tokenizers._package import MOST_GROWTH, asking


def definition(vocab=None, **parts):
    model = {"type": "WordLevel", "vocab": vocab or {"a": 0, "b": 1}, "unk_token": "a"}
    return json.dumps({"version": "1.0", "model": model, **parts})


def replacing(new, old="a"):
    pattern = {"String": old} if old else {"Regex": "x*"}
    return {"type": "Replace", "pattern": pattern, "content": new}


def several(kind, *parts):
    return {"type": "Sequence", kind: [*parts]}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
BYTES |= {"use_regex": False}
PIECE = {"SpecialToken": {"id": "a", "type_id": 0}}
TEXT = {"Sequence": {"id": "A", "type_id": 0}}
PAIR = [TEXT, {"Sequence": {"id": "B", "type_id": 0}}]


def framing(single, ids):
    token = {"id": "a", "ids": ids, "tokens": ["a"] * len(ids)}
    special = {"a": token}
    parts = {"single": single, "pair": PAIR, "special_tokens": special}
    return {"type": "TemplateProcessing", **parts}


HUGE = {
    "an id beyond all tokens": definition({"a": 0, "b": 2**31}),
    "letters into letters": definition(
        normalizer=several("normalizers", *[replacing("a" * 10)] * 12)
    ),
    "between letters": definition(
        normalizer=several("normalizers", *[replacing("ab", None)] * 20)
    ),
    "bytes of bytes": definition(pre_tokenizer=several("pretokenizers", *[BYTES] * 40)),
    "decoded": definition(decoder=several("decoders", *[replacing("a" * 99)] * 9)),
    "framed": definition(post_processor=framing([PIECE] * 99 + [TEXT], [0] * 999)),
}


@pytest.mark.parametrize("text", HUGE.values(), ids=list(HUGE))
def test_a_kilobyte_that_would_take_all_memory_is_refused(text):
    assert len(text) < 30_000
    with pytest.raises(ValueError, match=r"more than|and there are only 2 tokens"):
        tokenizers.from_json(text)


def test_parts_that_usual_definitions_have_are_read():
    marks = [replacing("▁", " "), {"type": "NFKC"}, replacing("''", '"')]
    made = tokenizers.from_json(
        definition(
            {"a": 0, "b": 60_000},
            normalizer=several("normalizers", *marks),
            pre_tokenizer=BYTES,
            decoder=several("decoders", replacing(" ", "▁")),
            post_processor=framing([PIECE, TEXT], [0]),
        )
    )
    assert made.vocab == 60_001 and MOST_GROWTH > 100


BROKEN = {
    "merges that join nothing": json.dumps(
        {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1},
                                     "merges": [["a", "b"]]}}),
    "shorter than its prefix": json.dumps(
        {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2},
                                     "continuing_subword_prefix": "####",
                                     "merges": [["a", "b"]]}}),
    "no unknown token": json.dumps(
        {"version": "1.0", "model": {"type": "WordPiece", "vocab": {"a": 0},
                                     "unk_token": "?", "max_input_chars_per_word": 9,
                                     "continuing_subword_prefix": "##"}}),
    "a template without its token": definition(
        post_processor=framing([PIECE, TEXT], [0]) | {"special_tokens": {}}),
    "a template of another id": definition(
        post_processor=framing([PIECE, TEXT], [4_000_000_000])),
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
def test_what_makes_the_package_fail_or_panic_is_one_line(text):
    with pytest.raises(ValueError) as caught:
        tokenizers.from_json(text)
    assert "\n" not in str(caught.value)


def test_a_text_that_cannot_be_encoded_is_one_line():
    """A word that is not known, and no token for those."""
    model = {"type": "WordPiece", "vocab": {"a": 0, "##": 1}, "unk_token": "?"}
    model |= {"max_input_chars_per_word": 9, "continuing_subword_prefix": "##"}
    added = {"id": 2, "content": "Q", "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": False}  # fmt: skip
    text = json.dumps({"version": "1.0", "model": model, "added_tokens": [added]})
    with pytest.raises(ValueError, match="cannot be encoded: WordPiece error"):
        tokenizers.from_json(text)


def test_other_faults_pass_as_they_are():
    for kind in (KeyboardInterrupt, MemoryError, ValueError, KeyError):
        with pytest.raises(kind), asking("it"):
            raise kind("x")


def test_panics_are_told_by_name():
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(ValueError, match="it: a b"), asking("it"):
        raise panic("a\n  b")


def test_ids_and_flags_are_looked_at():
    made = tokenizers.from_json(definition())
    for ids in ([0.5], ["a"], [None]):
        with pytest.raises(ValueError, match="whole numbers"):
            made.decode(ids)
    for inside in ([True, False], []):
        with pytest.raises(ValueError, match="inside must be true, false or 1 of them"):
            made.encode_many(["a"], inside=inside)
