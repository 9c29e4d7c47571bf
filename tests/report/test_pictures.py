"""Pictures are files of their own, in the colours of the page by day and by night."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from jdistill import report
from jdistill.report import _along
from jdistill.report._svg import COLOURS

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [
        "".join(t.itertext()) for t in ElementTree.fromstring(svg).iter(f"{SVG}text")
    ]


def of_text(stage, bits, size):
    figures = {"bits_per_byte": bits, "accuracy": 0.4, "bytes": size}
    return {"stage": stage, "realised": "packed"} | figures


def compared(of, against, difference):
    ends = {"low": difference - 0.01, "high": difference + 0.01}
    names = {"stage": "comparison", "of": of, "against": against}
    return names | ends | {"difference": difference}


GAINS = [
    compared("jsd", "alone", 0.005),
    compared("kl", "alone", 0.03),
    compared("dkd", "alone", -0.02),
    compared("dkd", "kl", -0.05),
]


def test_a_picture_of_sizes_names_each_stage_and_both_axes(rows):
    shown = texts(report.size_picture(rows))
    for stage in (
        "teacher (dense)",
        "packed",
        "tfidf (dense)",
        "accuracy %",
        "bytes (log scale)",
    ):
        assert stage in shown


def test_another_figure_may_stand_against_the_bytes():
    rows = [of_text("teacher", 0.8, 4_000), of_text("small", 0.9, 1_000)]
    shown = texts(report.size_picture(rows, figures=report.named("bits_per_byte")))
    assert {
        "teacher (packed)",
        "small (packed)",
        "0.90",
        "bits/byte",
    } <= set(shown)


def test_gains_are_of_one_comparison_and_the_greatest_is_on_top():
    svg = report.gain_picture(GAINS, against="alone")
    words = ElementTree.fromstring(svg).iter(f"{SVG}text")
    down = sorted(words, key=lambda word: float(word.get("y")))
    assert [word.text for word in down][:3] == ["kl", "jsd", "dkd"]


def test_a_gain_is_green_or_red_only_where_its_interval_leaves_zero_out():
    svg = report.gain_picture(GAINS, against="alone")
    for tone in ("good", "bad"):  # a line and a point
        assert svg.count(f"fill: var(--{tone})") == 1
    unsure = report.gain_picture(GAINS[:1], against="alone")
    assert "fill: var(--good)" not in unsure and "fill: var(--bad)" not in unsure


@pytest.mark.parametrize("picture", ["sizes", "gains"])
def test_a_picture_stands_alone_in_both_schemes(rows, picture):
    made = {
        "sizes": lambda: report.size_picture(rows),
        "gains": lambda: report.gain_picture(GAINS, against="alone"),
    }
    svg = made[picture]()
    assert "prefers-color-scheme: dark" in svg
    assert not any(colour in svg for colour in COLOURS.values())
    assert not {"href", "script", "url(http"} & set(svg.split('"'))
    assert ElementTree.fromstring(svg).get("width").isdigit()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: report.size_picture([], figures=report.named("f1")),
            "no figure 'f1'; valid: accuracy, .*, ece, average_precision, .*, hamming",
        ),
        (lambda: report.size_picture([]), "no row has both 'accuracy' and 'bytes'"),
        (
            lambda: report.gain_picture(GAINS, against="l2"),
            "no row compares with 'l2'; valid: alone, kl",
        ),
        (
            lambda: report.gain_picture([], against="kl"),
            "no row compares with 'kl'; valid: none",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


def seen(stage, tokens, **figures):
    return {"stage": stage, "realised": "dense", "tokens": tokens} | figures


CURVES = [
    seen("kl", 50_000, nll=2.0, ece=0.1),
    seen("kl", 50_000, nll=4.0),
    seen("kl", 1_000_000, nll=1.0, ece=0.2),
    seen("ce", 100_000, nll=5.0),
    {"stage": "whole", "realised": "dense", "nll": 9.0},
]


def test_a_curve_has_a_panel_for_each_figure_and_a_line_for_each_stage():
    figures = report.named("nll", "ece")
    shown = texts(report.curve_picture(CURVES, along="tokens", figures=figures))
    wanted = {"kl", "ce", "tokens (log scale)", "50 k", "100 k", "1 M"}
    assert wanted | {figure.heading for figure in figures} <= {*shown}
    assert "whole" not in shown


@pytest.mark.parametrize("value", [True, "9", None, 0, -1, float("nan"), float("inf")])
def test_a_row_without_a_number_above_zero_is_left_out(value):
    rows = [seen("kl", np.int64(3)), seen("kl", value)]
    assert _along.with_column(rows, "tokens") == rows[:1]


def test_points_of_one_place_are_their_mean_in_order():
    nll = report.named("nll")[0]
    rows = _along.with_column(CURVES[::-1], "tokens")
    assert _along._means(rows, "kl", "tokens", nll) == {50_000: 3.0, 1_000_000: 1.0}


@pytest.mark.parametrize(
    ("rows", "along"), [([], "tokens"), (CURVES, "steps"), (CURVES[4:], "tokens")]
)
def test_a_curve_of_nothing_is_refused(rows, along):
    said = f"no row has both 'nll' and '{along}' above 0"
    with pytest.raises(ValueError, match=said):
        report.curve_picture(rows, along=along, figures=report.named("nll"))
