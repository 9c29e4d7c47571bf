"""Names from a configuration: safe in a path, and never markup."""

import io
import re

import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st

from configs.shared.arguments import is_smoke
from experiments.tools.names import LONGEST, safe
from jdistill import report

NASTY = ("/etc/passwd", "../x", "..", ".", "", "[red]a[/red]", r"$\foo$", "a|b", "<b>",
         "a\nb", "a\0b", "x" * 300, "é", " a", "CON:", "`c`", "#010101")  # fmt: skip


@given(st.text(), st.text())
def test_a_safe_name_is_one_part_of_a_path_and_another_for_another(one, other):
    part = safe(one)
    assert re.fullmatch(r"[A-Za-z0-9_ .%-]+", part)
    assert part not in (".", "..") and len(part) <= LONGEST + 9
    assert (safe(other) == part) == (one == other)


@pytest.mark.parametrize("name", ["fitnet in stages", "rd x 10", "de-rrd", "teacher"])
def test_usual_names_stay(name):
    assert safe(name) == name


def test_a_run_that_is_misspelt_is_named():
    with pytest.raises(ValueError, match="no run 'smok'; valid: smoke"):
        is_smoke("smok")


def rows_of(*names):
    return [
        {"stage": s, "realised": "dense", "accuracy": 0.5, "bytes": 10, "fold": f}
        for s in (*names, "teacher")
        for f in (0, 1)
    ]


@pytest.mark.parametrize("name", NASTY)
def test_tables_show_names_as_they_are(name):
    rows = rows_of(name)
    screen = io.StringIO()
    rich.console.Console(file=screen, width=1000).print(report.table(rows))
    if name.isprintable():
        assert name in screen.getvalue()
    lines = report.markdown(rows).splitlines()
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}


def test_a_page_shows_names_as_they_are():
    points = [
        {"stage": name, "step": s, "split": "valid", "name": "loss", "value": 1.0}
        for name in NASTY
        for s in (1, 2)
    ]
    page = report.html(rows_of(*NASTY), points, title=" ".join(NASTY))
    assert "<b>" not in page.replace("<b>accuracy", "").split("<details>")[0]
    assert "Learning curves" in page


def test_a_stage_without_accuracy_and_half_a_point_leave_a_page():
    rows = [
        {"stage": "teacher", "realised": "dense", "accuracy": None, "bytes": 10},
        {"stage": "packed", "realised": "packed", "accuracy": 0.5, "bytes": 10},
        {"stage": "comparison"},
        {"stage": "student"},
        {},
    ]
    assert "packed" in report.html(rows, [{}, {"stage": "teacher"}])
    assert "–" in report.markdown(rows)
    with pytest.raises(ValueError, match="accuracy is 'high'"):
        report.check({"stage": "a", "realised": "dense", "accuracy": "high"})
