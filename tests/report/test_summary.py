"""Rows of folds and seeds become one mean a stage, with the error of the mean."""

import math

import numpy as np
import pytest

from jdistill import report
from jdistill.report._differences import between
from jdistill.report._steps import steps


def row(**changes):
    base = {"stage": "teacher", "realised": "dense", "fold": 0, "seed": 0}
    return {**base, "accuracy": 0.5, **changes}


def test_the_mean_is_over_folds_with_its_standard_error(rows):
    """Where nothing says how many examples a fold has, each counts alike."""
    bare = [
        {k: v for k, v in r.items() if k not in ("examples", "confusion")} for r in rows
    ]
    values = [r["accuracy"] for r in bare if r["stage"] == "packed"]
    packed = next(s for s in report.summarize(bare) if s.name == "packed")
    assert packed.means["accuracy"].value == pytest.approx(np.mean(values))
    error = np.std(values, ddof=1) / math.sqrt(5)
    assert packed.means["accuracy"].error == pytest.approx(error)


def test_an_accuracy_is_that_of_all_examples_where_folds_differ_in_size():
    rows = [row(fold=0, accuracy=0.5, examples=30), row(fold=1, accuracy=0.9)]
    counted = [*rows[:1], {**rows[1], "confusion": [[8.0, 1.0], [0.0, 1.0]]}]
    mean = report.summarize(counted)[0].means["accuracy"]
    assert mean.value == pytest.approx((30 * 0.5 + 10 * 0.9) / 40)
    squares = (0.75 * (0.5 - 0.6)) ** 2 + (0.25 * (0.9 - 0.6)) ** 2
    assert mean.error == pytest.approx(math.sqrt(2 * squares))


def test_a_baseline_that_counts_no_examples_has_those_of_its_fold():
    rows = [row(fold=f, examples=n) for f, n in ((0, 30), (1, 10))]
    rows += [row(stage="tfidf", fold=f, accuracy=a) for f, a in ((0, 0.5), (1, 0.9))]
    assert report.summarize(rows)[1].means["accuracy"].value == pytest.approx(0.6)


def test_each_run_counts_alike_where_the_comparisons_are_over_seeds():
    rows = [row(fold=0, accuracy=0.5, examples=30), row(fold=1, accuracy=0.9)]
    rows += [{"stage": "comparison", "seeds": 2}]
    assert report.summarize(rows)[0].means["accuracy"].value == pytest.approx(0.7)


def test_what_is_no_figure_of_examples_counts_each_fold_alike():
    rows = [row(fold=f, examples=n, bytes=b) for f, n, b in ((0, 30, 4), (1, 10, 8))]
    assert report.summarize(rows)[0].means["bytes"].value == pytest.approx(6)


def test_seeds_of_a_fold_count_as_one_point():
    said = report.summarize(
        [
            row(fold=0, seed=0, accuracy=0.4),
            row(fold=0, seed=1, accuracy=0.6),
            row(fold=1, seed=0, accuracy=0.7),
        ]
    )
    mean = said[0].means["accuracy"]
    assert mean.value == pytest.approx(0.6)
    assert mean.error == pytest.approx(0.1)


def test_with_one_fold_the_error_is_over_seeds_and_with_one_row_there_is_none():
    two = report.summarize([row(seed=0, accuracy=0.4), row(seed=1, accuracy=0.6)])
    assert two[0].means["accuracy"].error == pytest.approx(0.1)
    assert report.summarize([row()])[0].means["accuracy"].error is None


def test_stages_come_in_the_order_of_the_rows_with_baselines_last(rows):
    names = [s.name for s in report.summarize([row(stage="tfidf"), *rows])]
    given = list(dict.fromkeys(one["stage"] for one in rows if "accuracy" in one))
    chain = [
        name for name in given if name not in ("equal_bytes", "teacher_half", "tfidf")
    ]
    assert names[: len(chain)] == chain
    assert names[len(chain) :] == ["equal_bytes", "teacher_half", "tfidf"]


@pytest.mark.parametrize("word", ["simulated", None, ""])
def test_a_figure_without_one_of_the_four_words_is_refused(word):
    said = "'teacher': realised is .*valid: dense, masked, packed, executed"
    with pytest.raises(ValueError, match=said):
        report.check(row(realised=word))
    with pytest.raises(ValueError, match=said):
        report.summarize([row(realised=word)])


def test_a_model_without_a_stage_is_refused_and_other_rows_pass():
    with pytest.raises(ValueError, match="needs 'stage'"):
        report.check({"accuracy": 0.5, "realised": "dense"})
    report.check({"stage": "comparison", "difference": 0.1})


def test_missing_and_null_figures_are_left_out():
    means = report.summarize([row(nll=None, energy=None)])[0].means
    assert set(means) == {"accuracy"}


def test_steps_are_differences_within_folds():
    before = [row(fold=f, accuracy=0.5 + f / 10) for f in range(3)]
    after = [
        row(stage="packed", fold=f, accuracy=0.51 + f / 10, realised="packed")
        for f in range(3)
    ]
    (step,) = steps(report.summarize([*before, *after]))
    assert (step.before.name, step.after.name) == ("teacher", "packed")
    assert step.change.value == pytest.approx(0.01)
    assert step.change[3:5] == pytest.approx((0.01, 0.01))


def test_steps_follow_the_chain_and_skip_what_is_not_there(rows):
    kept = [r for r in rows if r["stage"] != "pruned"]
    named = [(s.before.name, s.after.name) for s in steps(report.summarize(kept))]
    assert named == [
        ("student", "distilled"),
        ("teacher", "distilled"),
        ("distilled", "quantised"),
        ("quantised", "packed"),
        ("packed", "executed"),
    ]


def test_stages_without_a_common_fold_have_no_difference():
    one, two = report.summarize([row(fold=0), row(stage="packed", fold=1)])
    assert between(two, one) is None
