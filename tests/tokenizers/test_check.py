"""Whether a vocabulary is that of a network or of another tokenizer."""

import pytest

from jdistill.tokenizers import check_vocabulary, from_gguf, same_vocabulary
from tests.tokenizers.made import byte_pairs, gguf

TOKENIZER = from_gguf(gguf())


def test_rows_of_padding_are_no_fault():
    assert check_vocabulary(TOKENIZER, 272) == 272
    assert check_vocabulary(TOKENIZER, 320) == 272


def test_a_tokenizer_larger_than_the_embedding_is_refused():
    with pytest.raises(ValueError, match="tokenizer has 272 ids, the embedding 271"):
        check_vocabulary(TOKENIZER, 271)


def test_a_tokenizer_much_smaller_than_the_embedding_is_refused():
    with pytest.raises(ValueError, match="272 ids, the embedding 1297 rows, 1025 more"):
        check_vocabulary(TOKENIZER, 1297)
    with pytest.raises(ValueError, match="128 more"):
        check_vocabulary(TOKENIZER, 400, padding=100)


def test_a_control_token_past_the_last_row_is_no_text_and_no_fault():
    tokens = [*gguf()["tokenizer.ggml.tokens"], "<image>"]
    kinds = [*gguf()["tokenizer.ggml.token_type"], 3]
    larger = from_gguf(gguf(tokens=tokens, token_type=kinds))
    assert (larger.vocab, check_vocabulary(larger, 272)) == (273, 272)
    used = from_gguf(gguf(tokens=tokens, token_type=kinds, padding_token_id=272))
    with pytest.raises(ValueError, match="not of one network"):
        check_vocabulary(used, 272)


def test_vocabularies_are_compared_by_content():
    tokens = list(gguf()["tokenizer.ggml.tokens"])
    tokens[5], tokens[6] = tokens[6], tokens[5]
    same_vocabulary(TOKENIZER, from_gguf(gguf()))
    with pytest.raises(ValueError, match=r"id 5 is b'\$' in one and b'%' in the other"):
        same_vocabulary(TOKENIZER, from_gguf(gguf(tokens=tokens)))
    with pytest.raises(ValueError, match="272 ids in one and 273 in the other"):
        more = from_gguf(
            gguf(tokens=[*gguf()["tokenizer.ggml.tokens"], "zz"], token_type=None)
        )
        same_vocabulary(TOKENIZER, more)
    with pytest.raises(ValueError, match="cut text differently"):
        inner = byte_pairs("12 123 1234 " * 9, 270)
        same_vocabulary(from_gguf(gguf(inner)), from_gguf(gguf(inner, pre="smollm")))
