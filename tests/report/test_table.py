"""The final table in Markdown and on terminals of several widths."""

import io

import pytest
import rich.console

from jdistill import report


def terminal(rows, width):
    console = rich.console.Console(width=width, file=io.StringIO())
    console.print(report.table(rows, width=width))
    return console.file.getvalue()


def test_markdown_has_a_line_for_each_stage_and_its_figures(rows):
    lines = report.markdown(rows).splitlines()
    assert len(lines) == 2 + 10
    assert "| teacher | dense |" in lines[2]
    assert "| 8.41 MB | 1× |" in lines[2]
    packed = next(line for line in lines if line.startswith("| packed"))
    assert "| packed | packed |" in packed
    assert "| 132 kB | 63.8× |" in packed
    assert "0.25 + 21.1" in packed
    assert len({line.count("|") for line in lines}) == 1


def test_columns_about_which_no_row_says_anything_are_left_out():
    row = {"stage": "teacher", "realised": "dense", "accuracy": 0.5}
    assert report.markdown([row]).splitlines()[0] == "| stage | realised | accuracy % |"


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_table_fits_the_terminal_without_cutting_a_figure(rows, width):
    shown = terminal(rows, width)
    assert "…" not in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    for word in ("accuracy %", "size", "teacher_half", "executed", "63.8×"):
        assert word in shown


def test_a_narrow_terminal_names_what_it_leaves_out(rows):
    shown = " ".join(terminal(rows, 80).split())
    assert "too narrow for: µJ est., agree %, ece, nll" in shown
    assert "too narrow" not in terminal(rows, 120)


def test_a_model_of_texts_is_shown_by_its_bits_and_its_distance():
    row = {"stage": "cut", "realised": "dense", "accuracy": 0.4, "parameters": 134.5e6}
    row |= {"bits_per_byte": 0.9123, "perplexity": 17.62, "kl": 0.0312}
    head, _, line = report.markdown([row]).splitlines()
    cells = dict(zip(head.split(" | ")[1:], line.split(" | ")[1:], strict=True))
    assert cells["bits/byte"] == "0.912" and cells["KL"] == "0.031"
    assert cells["perplexity"] == "17.6" and cells["parameters |"] == "134 M |"
