"""The final table in Markdown and on terminals of several widths."""

import io

import numpy as np
import pytest
import rich.console

from jdistill import compress, report


def terminal(rows, width):
    console = rich.console.Console(width=width, file=io.StringIO())
    console.print(report.table(rows))
    return console.file.getvalue()


def test_markdown_has_a_line_for_each_stage_and_its_figures(rows):
    lines = report.markdown(rows).splitlines()
    assert len(lines) == 2 + 10
    assert "| teacher | dense |" in lines[2]
    assert "| 8.41 MB | 1× |" in lines[2]
    packed = next(line for line in lines if line.startswith("| packed"))
    assert "| packed | packed |" in packed
    assert "| 132 kB | 63.8× |" in packed
    assert "21.4" in packed and "0.25 +" not in packed
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
    assert "Left out for width: agree %, nll, ece, parameters" in shown
    assert "Left out" not in terminal(rows, 160)


def test_a_model_of_texts_is_shown_by_its_bits_and_its_distance():
    row = {"stage": "cut", "realised": "dense", "accuracy": 0.4, "parameters": 134.5e6}
    row |= {"bits_per_byte": 0.9123, "perplexity": 17.62, "kl": 0.0312}
    head, _, line = report.markdown([row]).splitlines()
    cells = dict(zip(head.split(" | ")[1:], line.split(" | ")[1:], strict=True))
    assert cells["bits/byte"] == "0.912" and cells["KL"] == "0.031"
    assert cells["perplexity"] == "17.6" and cells["parameters |"] == "134 M |"


def test_printing_a_table_is_as_wide_as_the_terminal(rows, monkeypatch):
    shown = {}
    for width in (80, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        shown[width] = str(report.table(rows))
        assert repr(report.table(rows)) == shown[width]
        assert max(map(len, shown[width].splitlines())) <= width
    assert "nll" in shown[160] and "  nll  " not in shown[80]


def test_the_differences_stand_below_the_stages(rows):
    shown = [" ".join(line.split()) for line in terminal(rows, 100).splitlines()]
    assert "packed against teacher −0.91 −1.62 to −0.21 worse" in shown
    assert "teacher against teacher_half +0.70 −0.12 to +1.51 not told apart" in shown
    only = terminal([r for r in rows if "accuracy" in r], 100)
    assert "95 % interval" not in only.partition("* ")[0]


def test_short_titles_that_are_shown_are_spelt_out_and_no_others(rows):
    wide, narrow = (" ".join(terminal(rows, width).split()) for width in (160, 80))
    assert "nll: negative log-likelihood" in wide
    assert "nll: negative log-likelihood" not in narrow and "ms: median" in narrow


def test_names_are_no_markup_on_a_terminal():
    row = {"stage": "[red]a[/]", "realised": "dense", "accuracy": 0.5}
    compared = {"stage": "comparison", "of": "[b]x", "against": "y"}
    ends = {"difference": 0.1, "low": 0.0, "high": 0.2}
    shown = terminal([row, {**compared, **ends}], 80)
    assert "[red]a[/]" in shown and "[b]x against y" in shown


def test_a_notebook_gets_the_same_as_markup(rows):
    markup = report.table(rows)._repr_html_()
    assert "packed against teacher" in markup and "63.8×" in markup
    assert "<style" not in markup and "<h" not in markup
    assert "<strong>Differences in accuracy</strong>" in markup


def test_printed_text_has_no_codes_of_a_terminal_even_in_a_kernel(rows, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in str(report.table(rows))


STEERS = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e"


def test_names_steer_neither_a_terminal_nor_a_page(monkeypatch):
    name = f"student{STEERS}"
    row = {"stage": name, "realised": "dense", "accuracy": 0.5, "bytes": 8,
           "confusion": [[3, 1], [0, 4]], "classes": [f"a{STEERS}", "b"],
           "hardware": STEERS, "recall_per_class": [0.5, 1.0]}  # fmt: skip
    rows = [row, {**row, "stage": f"{name}2", "realised": "packed"}]
    rows.append({"stage": "comparison", "of": name, "against": f"{name}2", "seed": 0,
                 "metric": "accuracy", "difference": 0.1, "low": 0.0,
                 "high": 0.2})  # fmt: skip
    curves = [{"stage": name, "seed": 0, "fold": 0, "step": i, "split": "train",
               "name": f"loss{STEERS}", "value": 1.0} for i in range(3)]  # fmt: skip
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    report.show(rows)
    both = report.compare(rows, rows, names=(f"A{STEERS}", "B"))
    rich.console.Console(file=screen, force_terminal=True, color_system=None).print(
        both
    )
    page = dict(title=STEERS, question=STEERS, command=STEERS, config={"a": STEERS})
    shown = {
        "table": str(report.table(rows)),
        "cell": report.table(rows)._repr_html_(),
        "show": screen.getvalue(),
        "compare": str(both) + both.page(title=STEERS),
        "markdown": report.markdown(rows),
        "html": report.html(rows, curves, **page),
        "layers": str(report.layers({STEERS: compress.Dense(np.ones(3))})),
    }
    for place, text in shown.items():
        assert not set(text) & set(STEERS) & set("\x07\x9b\u202e"), place
        assert "\x1b]" not in text and "\x1b[2J" not in text, place
        assert "\ufffd" in text, place
