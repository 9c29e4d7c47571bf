"""One text in several preparations."""

import numpy as np
import pytest

from jdistill import data
from jdistill.data import Tokens, beside, hashed_ngrams

FEW, MANY = (hashed_ngrams(num_buckets=n, max_length=n) for n in (4, 9))
TEXTS = ("red fox", "a hen and a fox")


def test_each_preparation_makes_what_it_makes_alone():
    made = beside(FEW, teacher=MANY)(TEXTS).prepare(TEXTS)
    own, other = FEW(TEXTS).prepare(TEXTS), MANY(TEXTS).prepare(TEXTS)
    named = {f"teacher_{name}": x for name, x in other.items()}
    assert made.keys() == own.keys() | named.keys()
    for name, value in {**own, **named}.items():
        assert np.array_equal(made[name], value), name


def test_all_are_fitted_on_the_same_texts_and_each_says_what_it_is():
    fitted = []

    def learnt(texts):
        fitted.append(tuple(texts))
        return Tokens(FEW(texts).prepare, {"vocab": 7})

    tokens = beside(learnt, a=learnt, b=learnt)(TEXTS)
    assert fitted == [TEXTS] * 3
    assert tokens.info == {"vocab": 7, "a": {"vocab": 7}, "b": {"vocab": 7}}


def test_a_data_set_holds_both_and_describes_the_first():
    docs = data.stdlib_docs(prepare=beside(FEW, teacher=MANY))
    batch = docs.test.take([3, 1])
    assert batch["inputs"].shape == (2, 4) and batch["teacher_inputs"].shape == (2, 9)
    assert docs.info["prepare"]["num_buckets"] == docs.info["vocab"] == 4
    assert docs.info["teacher"]["vocab"] == 9


@pytest.mark.parametrize(
    ("own", "others", "said"),
    [
        (FEW, {}, "nothing is beside"),
        (FEW, {"vocab": MANY}, "'vocab' is a fact of the preparation"),
        (beside(FEW, a_b=MANY), {"a": beside(FEW, b=FEW)}, "make 'a_b_inputs'"),
    ],
)
def test_what_would_hide_something_is_refused(own, others, said):
    with pytest.raises(ValueError, match=said):
        beside(own, **others)(TEXTS).prepare(TEXTS)


def test_what_is_no_preparation_is_named():
    with pytest.raises(TypeError, match="teacher"):
        beside(FEW, teacher=FEW(TEXTS))
