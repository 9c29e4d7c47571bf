"""One difference of two models: its value, its interval, and what that says."""

import numpy as np
import pytest
import scipy.stats

from jdistill import report
from jdistill.report._differences import between, compared, difference

STUDENT = {"stage": "student", "realised": "dense", "seed": 0}
DISTILLED = {**STUDENT, "stage": "distilled"}
COMPARED = {"stage": "comparison", "of": "distilled", "against": "student"}
COMPARED |= {"difference": 0.02, "low": -0.01, "high": 0.05}


def runs(before, after, key="fold", **more):
    rows = [{**STUDENT, key: i, "accuracy": a, **more} for i, a in enumerate(before)]
    rows += [{**DISTILLED, key: i, "accuracy": a, **more} for i, a in enumerate(after)]
    return rows


@pytest.mark.parametrize("key", ["fold", "seed"])
def test_the_interval_is_students_over_pairs(key):
    before, after = np.array([0.5, 0.6, 0.8]), np.array([0.52, 0.63, 0.81])
    student, distilled = report.summarize(runs(before.tolist(), after.tolist(), key))
    found = between(distilled, student)
    test = scipy.stats.ttest_rel(after, before).confidence_interval(0.95)
    assert found.value == pytest.approx(0.02)
    assert found[3:5] == pytest.approx((test.low, test.high))
    assert found.over == f"{key}s"


def test_one_pair_has_no_interval_and_says_neither_better_nor_worse():
    student, distilled = report.summarize(runs([0.5], [0.4]))
    found = between(distilled, student)
    assert found.value == pytest.approx(-0.1)
    assert (found.low, found.tone, found.reading) == (None, "muted", "no interval")


def test_it_is_the_difference_of_the_two_accuracies_in_the_table():
    rows = [
        {**row, "examples": 10 + 90 * row["fold"]}
        for row in runs([0.5, 0.9], [0.7, 0.8])
    ]
    student, distilled = report.summarize(rows)
    means = [s.means["accuracy"].value for s in (student, distilled)]
    assert between(distilled, student).value == pytest.approx(means[1] - means[0])


def test_of_many_comparisons_those_that_are_told_apart_are_shown_first():
    rows = [{**COMPARED, "of": f"loss {i}"} for i in range(30)]
    rows[7] |= {"low": 0.01}
    page, printed = report.html(rows), str(report.table(rows))
    first = page[: page.index("29 more, not told apart from nothing")]
    assert first.count(" against student") == 1 and page.count(" against student") == 30
    assert "loss 7 against student" in first
    assert "29 more are not told apart" in printed and "loss 8" not in printed
    assert str(report.table(rows[:12])).count(" against student") == 12


def test_a_comparison_of_the_rows_comes_before_one_made_of_folds():
    rows = runs([0.5, 0.6], [0.55, 0.66])
    stages = report.summarize(rows)
    assert difference([*rows, COMPARED], stages, "distilled", "student").high == 0.05
    assert difference(rows, stages, "distilled", "student").over == "folds"


@pytest.mark.parametrize(
    "spoilt", [{"low": None}, {"high": float("nan")}, {"of": None}, {"metric": "nll"}]
)
def test_a_comparison_that_lacks_something_or_is_of_another_figure_is_left_out(spoilt):
    assert compared([{**COMPARED, **spoilt}]) == []
    assert len(compared([COMPARED])) == 1


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 0.2, "better"), (-0.2, -0.1, "worse"), (-0.1, 0.1, "not told apart")],
)
def test_the_reading_follows_the_interval(low, high, said):
    (found,) = compared([{**COMPARED, "low": low, "high": high}])
    assert found.reading == said
