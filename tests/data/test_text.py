"""Texts become tokens the same way everywhere."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from jdistill import data
from jdistill.data import _text

TEXTS = ("red fox and red hen", "the quick brown fox", "hen", "Ünïcode 漢字 works 😀")
FACTORIES = {
    "hashed_ngrams": lambda **kw: data.hashed_ngrams(num_buckets=512, **kw),
    "chars": lambda **kw: data.hashed_ngrams(num_buckets=512, chars=(3,), **kw),
    "bpe": lambda **kw: data.bpe(vocab_size=300, **kw),
}


@pytest.fixture(params=FACTORIES)
def factory(request):
    return FACTORIES[request.param]


def test_padding_is_masked_and_has_an_id_of_its_own(factory):
    batch = factory(max_length=40)(TEXTS).prepare(TEXTS)
    assert batch["inputs"].shape == batch["token_mask"].shape == (4, 40)
    assert batch["inputs"].dtype == np.int32
    np.testing.assert_array_equal(batch["token_mask"] > 0, batch["inputs"] != _text.PAD)
    lengths = batch["token_mask"].sum(axis=1)
    assert (lengths > 0).all() and (lengths < 40).all()


def test_ids_stay_below_the_vocabulary(factory):
    tokens = factory(max_length=40)(TEXTS)
    assert tokens.prepare(TEXTS)["inputs"].max() < tokens.info["vocab"]


def test_a_text_of_punctuation_only_has_tokens(factory):
    batch = factory(max_length=4)(TEXTS).prepare([") "])
    assert batch["token_mask"].sum() > 0


def test_a_long_text_loses_its_end_only(factory):
    long, short = (factory(max_length=n)(TEXTS).prepare(TEXTS) for n in (40, 3))
    np.testing.assert_array_equal(short["inputs"], long["inputs"][:, :3])


def test_a_text_is_prepared_alike_alone_and_among_others(factory):
    tokens = factory(max_length=40)(TEXTS)
    together = tokens.prepare(TEXTS)["inputs"]
    for i, text in enumerate(TEXTS):
        np.testing.assert_array_equal(tokens.prepare([text])["inputs"][0], together[i])


def test_case_and_white_space_do_not_matter_to_ngrams():
    prepare = FACTORIES["chars"](max_length=40)(()).prepare
    one, other = prepare(["Red  fox", "red\nfox"])["inputs"]
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_text_is_named(factory, text):
    with pytest.raises(ValueError, match="example 1: the text is empty"):
        factory(max_length=4)(TEXTS).prepare(["fine", text])


def test_an_ngram_that_repeats_counts_once():
    prepare = data.hashed_ngrams(words=(1,), max_length=8)(()).prepare
    batch = prepare(["red red fox red", "red fox"])
    np.testing.assert_array_equal(*batch["inputs"])


def test_pairs_of_words_depend_on_their_order():
    prepare = data.hashed_ngrams(words=(2,), max_length=2)(()).prepare
    one, other = prepare(["red fox", "fox red"])["inputs"][:, 0]
    assert one != other


def test_ngrams_of_words_and_of_characters_differ():
    words = data.hashed_ngrams(words=(1,), max_length=9)(()).prepare(["a"])
    chars = data.hashed_ngrams(words=(), chars=(1,), max_length=9)(()).prepare(["a"])
    assert words["inputs"][0, 0] not in chars["inputs"][0]


def test_short_texts_without_pairs_keep_their_words():
    batch = data.hashed_ngrams(max_length=3)(()).prepare(["hen"])
    assert batch["token_mask"].tolist() == [[1, 0, 0]]


def test_words_of_a_script_without_spaces_are_warned_of():
    texts = ["沪指大涨 银行股领涨", "国足备战 A组 2011"]
    with pytest.warns(UserWarning, match=r"read characters, hashed_ngrams\(words=\(\)"):
        data.hashed_ngrams()(texts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.hashed_ngrams(words=(), chars=(1, 2))(texts)
        data.hashed_ngrams()(["the word 沪指 in a text", "Москва", "한국어 문장"])


def test_buckets_are_used_evenly():
    prepare = data.hashed_ngrams(num_buckets=101, words=(1,), max_length=1)(()).prepare
    ids = prepare([f"word{i}" for i in range(10_000)])["inputs"][:, 0]
    counts = np.bincount(ids, minlength=101)[1:]
    # Chi-squared of 100 buckets has mean 99 and standard deviation 14.
    assert ((counts - 100) ** 2 / 100).sum() < 99 + 5 * 14


def test_ids_are_the_same_in_another_process():
    code = (
        "import sys; from jdistill import data; "
        "make = (data.hashed_ngrams(num_buckets=512, chars=(3,), max_length=40), "
        "data.bpe(vocab_size=300, max_length=40)); texts = eval(sys.argv[1]); "
        "print([m(texts).prepare(texts)['inputs'].tolist() for m in make])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, repr(TEXTS)],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [FACTORIES[name](max_length=40)(TEXTS) for name in ("chars", "bpe")]
    ids = [tokens.prepare(TEXTS)["inputs"].tolist() for tokens in here]
    assert done.stdout.strip() == str(ids)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: data.hashed_ngrams(num_buckets=1), "num_buckets must be .* from 2"),
        (lambda: data.hashed_ngrams(words=()), "words and chars are both empty"),
        (lambda: data.hashed_ngrams(words=(0,)), "each of words must be .* from 1"),
        (lambda: data.bpe(vocab_size=256), "vocab_size must be .* from 257"),
        (lambda: data.bpe(max_length=0), r"max_length must be .* from 1"),
    ],
)
def test_sizes_that_cannot_work_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_empty_text_is_refused_when_data_are_built():
    texts = data.Texts(("fine", " "), np.array([0, 1]), ("a", "b"))
    tokens = data.hashed_ngrams()(texts.texts)
    with pytest.raises(ValueError, match="train, example 1: the text is empty"):
        _text.tokenized(texts, tokens, name="train")
