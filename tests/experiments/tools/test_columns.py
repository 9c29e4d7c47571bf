import pytest

from experiments.tools.columns import means
from jdistill import report


def lines(rows, *columns):
    return means(rows, columns).splitlines()


def test_figures_are_means_over_the_seeds_with_their_standard_errors():
    rows = [{"stage": "a", "seed": s, "kl": k} for s, k in enumerate((0.5, 0.7))]
    head, _, line = lines([*rows], "kl", "mass")
    assert head == "| stage | seeds | KL | probability kept % |"
    assert line == "| a | 2 | 0.600 ±0.100 | – |"


def test_a_figure_of_all_reports_is_called_as_there():
    names = [figure.name for figure in report.FIGURES]
    head, *_ = lines([{"stage": "a"} | dict.fromkeys(names, 0.5)], *names)
    assert head.split(" | ")[1:] == [
        *(figure.heading for figure in report.FIGURES[:-1]),
        f"{report.FIGURES[-1].heading} |",
    ]


def test_what_differs_tells_lines_apart_and_one_seed_is_no_column():
    rows = [
        {"stage": "a", "text": t, "model": "m", "bytes": b}
        for t, b in (("one", 1e6), ("two", 2e6))
    ]
    assert lines(rows, "bytes") == [
        "| text | stage | MB |",
        "| :-- | :-- | --: |",
        "| one | a | 1 |",
        "| two | a | 2 |",
    ]


def test_points_of_a_curve_are_lines_of_their_own():
    rows = [{"stage": "a", "seed": 0, "tokens": t, "kl": 1 / t} for t in (1e3, 2e6)]
    assert [x.split("|")[2].strip() for x in lines(rows, "tokens", "kl")[2:]] == [
        "1 k",
        "2.0 M",
    ]


def test_a_figure_that_there_is_not_is_named():
    with pytest.raises(
        ValueError, match="no column 'kll'; valid: accuracy, recall_macro"
    ):
        means([], ["kll"])
