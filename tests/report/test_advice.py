"""A report says when a recipe lost for certain, and what to try."""

import pathlib
import re

import pytest

from jdistill import report
from jdistill.report._advice import RULES, advice


def compared(of, against, low, high):
    ends = {"difference": (low + high) / 2, "low": low, "high": high}
    return {"stage": "comparison", "of": of, "against": against, **ends}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.of}-{rule.against}")
def test_each_loss_that_is_told_apart_has_its_line(rule):
    (line,) = advice([compared(rule.of, rule.against, -0.04, -0.02)], ())
    assert line.startswith(rule.lost.format(figure="accuracy")) and rule.attempt in line
    assert "−3.00 points, 95 % interval −4.00 to −2.00" in line


@pytest.mark.parametrize(("low", "high"), [(-0.04, 0.01), (0.01, 0.03)])
def test_a_gain_and_what_is_not_told_apart_have_none(low, high):
    assert advice([compared("distilled", "student", low, high)], ()) == []


def test_it_is_found_without_a_comparison_where_folds_tell():
    def rows(stage, *accuracies):
        same = {"stage": stage, "realised": "dense", "seed": 0}
        return [{**same, "fold": i, "accuracy": a} for i, a in enumerate(accuracies)]

    lost = [*rows("distilled", 0.9, 0.8, 0.85), *rows("pruned", 0.85, 0.75, 0.79)]
    assert "Pruning cost accuracy" in report.html(lost)
    assert "Pruning cost accuracy" in str(report.table(lost)).replace("\n", " ")
    unsure = [*rows("distilled", 0.9, 0.8, 0.85), *rows("pruned", 0.8, 0.81, 0.86)]
    assert "What lost" not in report.html(unsure)


def test_a_page_and_a_table_say_it_in_the_same_words():
    rows = [compared("packed", "equal_bytes", -0.04, -0.02)]
    (line,) = advice(rows, ())
    assert line in report.html(rows)
    assert line in " ".join(str(report.table(rows)).split())


def test_a_lost_distillation_names_the_page_of_recipes():
    (line,) = advice([compared("distilled", "student", -0.04, -0.02)], ())
    (page,) = re.findall(r"docs/\w+\.md", line)
    assert (pathlib.Path(__file__).parents[2] / page).is_file()
