"""The baseline is fitted on train, tuned on valid, and reported on test."""

import numpy as np
import pytest

from jdistill import data

CLASSES = ("fruit", "tool")


def part(*texts):
    label = [int(text.startswith(("saw", "nail"))) for text in texts]
    return data.Texts(texts, np.array(label), CLASSES)


TRAIN = part("apple red", "pear green", "saw iron", "nail steel")
TEST = part("apple green", "nail iron", "saw", "pear", "saw apple apple red")


@pytest.fixture(scope="module")
def baseline():
    return data.tfidf_baseline(data.Parts(TRAIN, TRAIN, TEST))


def test_each_example_is_scored_in_the_order_of_the_test_part(baseline):
    assert baseline.correct.tolist() == [True, True, True, True, False]


def test_figures_are_of_the_test_part(baseline):
    assert baseline.accuracy == pytest.approx(4 / 5)
    assert baseline.recall_macro == pytest.approx((1 + 2 / 3) / 2)


def test_words_of_the_test_part_are_no_features(baseline):
    assert baseline.features == 8 + 4


def test_the_penalty_is_the_best_on_the_valid_part():
    train = part(*["apple red"] * 30, "saw red", "nail iron")
    tuned = data.tfidf_baseline(data.Parts(train, part("saw red"), TEST), C=(1e-4, 1e3))
    assert tuned.C == 1e3


def test_the_baseline_is_the_same_each_time(baseline):
    again = data.tfidf_baseline(data.Parts(TRAIN, TRAIN, TEST))
    np.testing.assert_array_equal(again.correct, baseline.correct)
