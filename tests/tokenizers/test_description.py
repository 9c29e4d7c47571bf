"""Tokenizers inside a description."""

import base64
import json
import zlib

import pytest

from jdistill.tokenizers import describe, from_description, from_gguf
from jdistill.tokenizers._description import MAX_BYTES
from tests.tokenizers.made import TEXTS, byte_pairs, gguf, scored

MADE = [
    from_gguf(gguf(byte_pairs(), eot_token_id=7, eom_token_id=5)),
    from_gguf(scored("prefix")),
]


@pytest.mark.parametrize("tokenizer", MADE, ids=["byte pairs", "scores"])
def test_a_tokenizer_comes_back_from_json_as_it_was(tokenizer):
    back = from_description(json.loads(json.dumps(describe(tokenizer))))
    assert back.fingerprint == tokenizer.fingerprint
    assert back.special == tokenizer.special and back.begins == tokenizer.begins
    assert back.ends == tokenizer.ends
    for text in TEXTS:
        assert back.encode(text).tolist() == tokenizer.encode(text).tolist()


def squeezed(data):
    return base64.b85encode(zlib.compress(data, 9)).decode()


GOOD = describe(MADE[0])
BAD = {
    "no mapping": 5,
    "a key less": {"definition": "", "special": {}},
    "a number": GOOD | {"definition": 5},
    "a role of text": GOOD | {"special": {"bos": "a"}},
    "a role that is not there": GOOD | {"special": {"bos": 10**9}},
    "an end of text": GOOD | {"ends": ["a"]},
    "an end that is not there": GOOD | {"ends": [10**9]},
    "one end": GOOD | {"ends": 5},
    "begins with a word": GOOD | {"begins": "yes"},
    "no base 85": GOOD | {"definition": '"'},
    "not squeezed": GOOD | {"definition": base64.b85encode(b"abc").decode()},
    "cut off": GOOD | {"definition": GOOD["definition"][:-20]},
    "a bomb": GOOD | {"definition": squeezed(b" " * (MAX_BYTES + 1))},
    "no text": GOOD | {"definition": squeezed(b"\xff\xfe")},
    "no tokenizer": GOOD | {"definition": squeezed(b"{}")},
}


@pytest.mark.parametrize("says", BAD.values(), ids=list(BAD))
def test_what_is_no_description_is_one_line(says):
    with pytest.raises(ValueError) as caught:
        from_description(says)
    assert "\n" not in str(caught.value)
