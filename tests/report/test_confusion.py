"""The confusion matrix of a page: which classes are taken for which."""

import re

import numpy as np
import pytest

from jdistill import report


@pytest.fixture(scope="module")
def page(rows):
    return report.html(rows)


def test_the_confusion_matrix_adds_the_folds(page, rows):
    own = [r["confusion"] for r in rows if r["stage"] == "executed"]
    whole = np.sum(own, axis=0)
    matrix = page[page.index('class="matrix"') :]
    cells = re.findall(r"<td class=\"\">(?:<i[^>]*>)?([\d·]+)", matrix)[: whole.size]
    shown = [0 if cell == "·" else int(cell) for cell in cells]
    assert shown == whole.reshape(-1).tolist()


def test_the_commonest_mistake_stands_first_beside_the_teachers(page, rows):
    sums = {
        name: np.sum([r["confusion"] for r in rows if r["stage"] == name], axis=0)
        for name in ("executed", "teacher")
    }
    wrong = sums["executed"] * (1 - np.eye(6))
    i, j = np.unravel_index(np.argmax(wrong), wrong.shape)
    table = re.sub(r"<[^>]*>", " ", page[page.index("most often") :])
    own, other = sums["executed"], sums["teacher"]
    first = f"{own[i, j]:.0f} of {own[i].sum():.0f} {other[i, j]:.0f}"
    assert first in " ".join(table.split())[:200]


def test_without_a_matrix_there_is_none(rows):
    bare = [{k: v for k, v in r.items() if k != "confusion"} for r in rows]
    page = report.html(bare)
    assert "Test examples of" not in page and "Recall of each class" in page


def test_of_many_classes_the_pairs_are_shown_and_no_matrix():
    matrix = np.eye(30) * 5
    matrix[7, 3] = 4
    row = {"stage": "packed", "realised": "packed", "accuracy": 0.9}
    page = report.html([{**row, "confusion": matrix.tolist()}])
    assert "Test examples of" not in page and "4 of 9" in page


@pytest.mark.parametrize("count", [None, float("nan")])
def test_a_matrix_in_which_a_count_is_missing_is_left_out(count):
    row = {"stage": "packed", "realised": "packed", "accuracy": None, "fold": 0}
    page = report.html([{**row, "confusion": [[3, count], [0, 4]]}])
    assert "Test examples of" not in page and "nan" not in page.split("</style>")[1]
