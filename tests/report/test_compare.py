"""Two runs side by side, with paired differences where their rows allow them."""

import io

import pytest
import rich.console

from jdistill import report


def run(*accuracies, stage="student", size=100, **more):
    row = {"stage": stage, "realised": "dense", "seed": 0, "bytes": size, **more}
    return [{**row, "fold": i, "accuracy": a} for i, a in enumerate(accuracies)]


def terminal(view, width):
    console = rich.console.Console(width=width, file=io.StringIO())
    console.print(view)
    return console.file.getvalue()


def test_stages_stand_side_by_side_with_the_difference_over_folds():
    view = report.compare(run(0.5, 0.6, 0.7), run(0.53, 0.62, 0.74, size=50))
    (row,) = view.rows
    assert (row["stage"], row["a"]) == ("student", pytest.approx(0.6))
    assert row["difference"] == pytest.approx(0.03)
    assert row["low"] > 0
    line = next(line for line in str(view).splitlines() if "student" in line)
    assert "+3.00" in line and "better" in line
    assert "100 B" in terminal(view, 120) and "50 B" in terminal(view, 120)


def test_a_stage_of_one_run_alone_is_shown_without_a_difference():
    second = [*run(0.5, 0.6), *run(0.4, 0.5, stage="pruned")]
    rows = report.compare(run(0.5, 0.6), second).rows
    assert [row["stage"] for row in rows] == ["student", "pruned"]
    assert rows[1]["a"] is None and rows[1]["difference"] is None


def test_only_folds_and_seeds_that_both_have_are_paired():
    row = report.compare(run(0.5, 0.6, 0.9), run(0.6, 0.7)).rows[0]
    assert row["difference"] == pytest.approx(0.1)


def test_without_a_common_seed_the_means_differ_and_no_interval_is_claimed():
    other = [{**row, "seed": 1} for row in run(0.6, 0.8)]
    row = report.compare(run(0.5, 0.6), other).rows[0]
    assert row["difference"] == pytest.approx(0.15) and row["low"] is None


@pytest.mark.parametrize(
    ("mine", "theirs", "paired"),
    [
        ({"dataset": "digits"}, {"dataset": "mnist"}, False),
        ({"sizes": {"test": 3}}, {"sizes": {"test": 4}}, False),
        ({"dataset": "digits", "labelled": 9}, {"dataset": "digits"}, True),
        ({}, {"dataset": "digits"}, True),
    ],
)
def test_other_test_examples_are_not_paired(mine, theirs, paired):
    row = report.compare(run(0.5, 0.6, data=mine), run(0.6, 0.7, data=theirs)).rows[0]
    assert (row["difference"] is not None) is paired


def test_one_fold_has_a_difference_and_no_interval():
    view = report.compare(run(0.5), run(0.6), names=("old", "new"))
    assert view.rows[0]["difference"] == pytest.approx(0.1)
    assert view.rows[0]["low"] is None
    assert "95 %" not in str(view) and "new %" in str(view) and "of both" in str(view)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_the_terminal_and_keeps_what_was_asked(width):
    view = report.compare(run(0.5, 0.6), run(0.53, 0.62), names=("old", "new"))
    shown = terminal(view, width)
    assert "…" not in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    for word in ("old %", "new %", "points", "student"):
        assert word in shown


def test_a_notebook_gets_markup_in_which_names_are_text():
    names = ("<b>", "new")
    markup = report.compare(run(0.5, 0.6), run(0.6, 0.7), names=names)._repr_html_()
    assert "&lt;b&gt; %" in markup and "<b> %" not in markup


def test_it_is_a_page_of_its_own_where_that_is_asked():
    page = report.compare(run(0.5, 0.6), run(0.6, 0.7)).page(title="old & new")
    assert page.startswith("<!doctype html>") and "<h1>old &amp; new</h1>" in page
    assert "<style>" in page and "+10.00" in page and "http" not in page


def test_two_runs_need_two_names():
    for names in (("a", "a"), ("a",), ("a", "b", "c")):
        with pytest.raises(ValueError, match="names must be two different ones, got a"):
            report.compare([], [], names=names)
