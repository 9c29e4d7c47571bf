"""The report is one page that loads nothing and says what the rows say."""

import html.parser
import re

import numpy as np
import pytest

from jdistill import report
from jdistill.report._svg import COLOURS

VOID = {"meta", "br"}


class Balance(html.parser.HTMLParser):
    """Follows the tags, and collects headings, plots and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        values = dict(attrs)
        self.links += [values[k] for k in ("href", "src") if k in values]
        self.ids += [values["id"]] if "id" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parse(page):
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def page(rows, curves):
    return report.html(
        rows,
        curves,
        title="docs <1>",
        question="Which package?\n\nQuestion: of ten.",
        command="python -m experiments.main --config=docs.py",
        config={"data": {"folds": 5}},
    )


def test_the_page_is_balanced_and_each_id_is_unique(page):
    parser = parse(page)
    assert len(parser.ids) == len(set(parser.ids))
    plots, curves, histograms = 3, 1 + 2, 2
    assert parser.seen.count("svg") == plots + curves + histograms


def test_the_page_loads_nothing(page):
    parser = parse(page)
    assert {link[0] for link in parser.links} == {"#"}
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link", page)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_what_a_plot_points_to_is_on_the_page(page):
    parser = parse(page)
    pointed = [link[1:] for link in parser.links] + re.findall(r"url\(#([^)]*)\)", page)
    assert pointed
    assert set(pointed) <= set(parser.ids)


def test_all_parts_are_there(page):
    headings = re.findall(r"<h[23]>(.*?)</h[23]>", page)
    assert headings == [
        "What lost, and what to try",
        "Differences in accuracy",
        "All stages",
        "Plots",
        "Accuracy against bytes",
        "What each stage cost",
        "Which classes are mistaken",
        "Recall of each class",
        "Learning curves",
        "All stages",
        "teacher",
        "distilled",
        "The packed file",
        "Energy",
        "How this was made",
    ]


def test_the_figures_of_the_rows_are_on_the_page(page, rows):
    packed = [r for r in rows if r["stage"] == "packed"]
    sizes = [r["examples"] for r in packed]
    mean = np.average([r["accuracy"] for r in packed], weights=sizes)
    for text in (
        "63.8× smaller",
        "8.41 MB",
        "132 kB",
        "−0.91 points",
        "−1.62 to −0.21",
        f"{100 * mean:.2f}",
        "100 kB",
        "1000 × 100",
        "bitmap",
        "69 % of the numbers are zero",
        "0123abcd",
        "jax 0.10.2",
        "estimate",
        "45 nm",
        "&quot;folds&quot;: 5",
    ):
        assert text in page, text


def test_each_difference_says_what_its_interval_says(page):
    said = re.findall(r">(\w+ against \w+)</td>.*?(better|worse|not told apart)", page)
    assert said == [
        ("packed against teacher", "worse"),
        ("packed against equal_bytes", "better"),
        ("teacher against teacher_half", "not told apart"),
    ]


def test_every_point_of_the_size_plot_carries_its_word(page):
    labels = re.findall(r">(\w+) \((\w+)\)</text>", page)
    assert {("pruned", "masked"), ("teacher", "dense")} <= set(labels)
    assert {"packed", "executed"} <= {*re.findall(r">(\w+)</text>", page)}, "once"


def test_text_from_rows_is_escaped(page):
    assert "docs &lt;1&gt;" in page
    assert "xml &lt;&amp;&gt;" in page
    assert "xml <&>" not in page


def test_colours_of_the_plots_are_the_style_sheets(page):
    assert not any(tone in page for tone in COLOURS.values())
    used = set(re.findall(r"var\(--(\w+)\)", page))
    light, dark = page.split("prefers-color-scheme")[:2]
    for name in used:
        assert f"--{name}:" in light
        assert f"--{name}:" in dark.split("body {")[0]


def test_the_same_rows_give_the_same_page(rows, curves):
    assert report.html(rows, curves) == report.html(rows, curves)


@pytest.mark.parametrize("last", [0, 1, 6])
def test_an_unfinished_run_has_a_page_too(rows, curves, last):
    parse(report.html(rows[:last], curves[:last]))


def test_one_row_with_the_least_it_must_have_is_enough():
    page = report.html([{"stage": "packed", "realised": "packed", "accuracy": 1}])
    assert "smaller" not in page
    assert "100.00" in page


def test_mistakes_are_a_column_where_they_are_counted(page):
    row = {"stage": "alone", "realised": "dense", "accuracy": 0.98}
    rows = [{**row, "seed": s, "errors": n} for s, n in enumerate((130, 141))]
    assert ">136<" in report.html(rows)
    assert "mistakes among" in report.html(rows) and "mistakes among" not in page


def test_the_page_says_what_the_intervals_are_over(page):
    row = {"stage": "comparison", "of": "kl", "against": "alone", "seeds": 5}
    over_seeds = report.html([{**row, "difference": 0.1, "low": 0.0, "high": 0.2}])
    assert "paired bootstrap" in page and "paired bootstrap" not in over_seeds
    assert "mean over the seeds" in over_seeds


def test_many_classes_show_those_that_changed_most():
    def row(stage, realised, recall):
        return {
            "stage": stage,
            "realised": realised,
            "accuracy": 0.5,
            "bytes": 10,
            "recall_per_class": recall,
            "classes": [f"kind{i}_" for i in range(100)],
        }

    after = [0.5] * 100
    after[41] = 0.1
    page = report.html(
        [row("teacher", "dense", [0.5] * 100), row("packed", "packed", after)]
    )
    assert len(re.findall(r">kind\d+_</text>", page)) == 20
    assert "kind41_" in page


def test_stages_of_any_name_have_a_headline_recall_and_a_matrix():
    row = {"accuracy": 0.75, "fold": 0, "seed": 0, "parameters": 9}
    counts = {"confusion": [[3, 1], [1, 3]], "classes": ["no", "yes"]}
    rows = [
        {**row, **counts, "stage": name, "realised": realised, "bytes": size}
        for name, realised, size in (
            ("wide", "dense", 900),
            ("half", "masked", 900),
            ("file", "packed", 90),
        )
    ]
    page = report.html(rows)
    assert "10× smaller" in page and "wide 9 parameters; file 9 parameters" in page
    assert "Test examples of file" in page and ">wide (dense)</text>" in page
    assert "Recall of each class" in page


def test_recall_is_what_the_matrix_counts():
    def row(stage, realised, fold, matrix):
        recall = {"recall_per_class": [0.1, 0.9], "classes": ["no", "yes"]}
        own = {"stage": stage, "realised": realised, "fold": fold, "accuracy": 0.5}
        return {**own, **recall, "confusion": matrix}

    rows = [
        row(stage, realised, fold, [[n, 0], [0, 5]])
        for stage, realised in (("teacher", "dense"), ("packed", "packed"))
        for fold, n in ((0, 30), (1, 10))
    ]
    svg = report.html(rows).split("<h3>Recall of each class</h3>")[1]
    assert ">100</text>" in svg and ">10</text>" not in svg


def many(number):
    rows = [
        {"stage": f"loss {i}", "realised": "dense", "bytes": 10, "accuracy": i / 100}
        for i in range(number)
    ]
    names = {"stage": "comparison", "against": "loss 0", "low": -0.1, "high": 0.9}
    return rows + [{**names, "of": r["stage"], "difference": 0.4} for r in rows[1:]]


def test_of_many_stages_the_best_is_named_and_all_are_compared():
    few, page = report.html(many(10)), report.html(many(30))
    assert "Gain over" not in few and few.count(" (dense)</text>") == 10
    assert re.findall(r">(loss \d+) \(dense\)</text>", page) == ["loss 29"]
    assert "Only those are named of which no other" in page
    gains = page[page.index("<h3>Gain over loss 0</h3>") :]
    assert len(re.findall(r">loss \d+</text>", gains)) == 29


def words(markup):
    """What is read of markup, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", markup))


def test_the_page_says_on_top_what_it_is_about(page):
    top = words(page[page.index("<h1>") : page.index('class="cards"')])
    for said in (
        "Which package?",
        "Question: of ten.",
        "which of 6 classes: asyncio, email, http, logging, unittest, xml",
        "docs: 1,600 to learn from, 430 to test on",
        "2,221 examples in 5 folds, 1 seed",
        "teacher 153,100 parameters; executed 153,100 parameters, 50 % of them zero",
        "7 min 18 s for 35 runs",
        "2026-03-01",
        "python -m experiments.main --config=docs.py",
    ):
        assert said in top, said


def test_what_rows_do_not_know_is_not_on_top():
    page = report.html([{"stage": "a", "realised": "dense", "accuracy": 1}])
    assert re.findall(r"<dt>(.*?)</dt>", page) == ["Tested on"]


def test_short_titles_are_spelt_out_where_they_stand(page):
    head = re.search(r"<thead>.*?nll.*?</thead>", page)[0]
    assert 'title="negative log-likelihood of the true class' in head
    shown = page.split("<details><summary>What the other columns mean")[0]
    assert "<b>ece</b> expected calibration error" in shown


def test_an_energy_is_one_number_with_its_parts_under_the_pointer(page):
    total = re.findall(
        r'title="computing ([\d.]+) \+ moving bytes ([\d.]+)">([^<]*)<', page
    )
    assert len(total) == 9
    for compute, memory, whole in total:
        assert float(whole) == pytest.approx(float(compute) + float(memory), rel=0.01)


def test_a_difference_that_is_not_told_apart_is_neither_green_nor_red(page):
    tones = dict(
        re.findall(r'<td class="text (\w+)">(worse|better|not told apart)', page)
    )
    assert tones == {"bad": "worse", "good": "better", "muted": "not told apart"}


def step(low, high):
    change = {"difference": (low + high) / 2, "low": low, "high": high}
    names = {"stage": "comparison", "of": "distilled", "against": "student"}
    models = [
        {"stage": s, "realised": "dense", "accuracy": 0.5, "fold": 0}
        for s in ("student", "distilled")
    ]
    return report.html([*models, {**names, **change}])


@pytest.mark.parametrize(
    ("low", "high", "tone"),
    [(0.01, 0.03, "good"), (-0.03, -0.01, "bad"), (-0.03, 0.01, "muted")],
)
def test_a_bar_has_a_colour_only_where_its_interval_leaves_out_zero(low, high, tone):
    svg = re.search(r"<h3>What each stage cost</h3>.*?</svg>", step(low, high), re.S)[0]
    assert set(re.findall(r"fill: var\(--(good|bad|muted)\)", svg)) - {tone} <= {
        "muted"
    }
    assert f"fill: var(--{tone})" in svg


def test_headline_table_and_plot_say_the_same_difference(rows):
    """A comparison's or, where there is none, that of the accuracies in the table."""
    models = [r for r in rows if "accuracy" in r]
    models = [r for r in models if r["stage"] in ("teacher", "packed")]
    accuracies = {s.name: s.means["accuracy"].value for s in report.summarize(models)}
    change = 100 * (accuracies["packed"] - accuracies["teacher"])
    for more, said in (
        (rows[-3:-2], "−0.91"),
        ([], f"{change:+.2f}".replace("-", "−")),
    ):
        page = report.html([*models, *more])
        assert re.search(r"<b>(\S+) points</b>", page)[1] == said
        assert f"teacher to packed: {said}" in page
