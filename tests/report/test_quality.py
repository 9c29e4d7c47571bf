"""An experiment's own figures: its headline, its columns, their order."""

import pytest

from jdistill import report
from jdistill.report._columns import columns_of
from jdistill.report._differences import compared

NDCG = report.Figure("ndcg", "NDCG@10", "how early lists have it", rank=0)
LENGTH = report.Figure("length", "edits", "edits a string", scale=1, rising=False)


def rows(name="ndcg", values=((0.2, 0.25), (0.3, 0.31))):
    return [
        {"stage": stage, "realised": "dense", "fold": 0, "seed": seed, "bytes": 8}
        | {name: value, "length": 3.5}
        for stage, found in zip(("teacher", "packed"), values, strict=True)
        for seed, value in enumerate(found)
    ]


def heads(table):
    return [part.strip() for part in table.splitlines()[0].split("|")[1:-1]]


def test_the_columns_are_the_figures_in_their_order():
    table = report.markdown(rows(), figures=[NDCG, LENGTH])
    assert heads(table)[2:4] == ["NDCG@10 %", "edits"]
    assert "22.50 ±2.50 | 3.500" in table
    assert heads(report.markdown(rows(), figures=[LENGTH, NDCG]))[2] == "edits"


def test_the_headline_stays_on_a_narrow_terminal():
    ranks = {c.title: c.rank for c in columns_of([LENGTH, NDCG._replace(rank=5)])}
    assert ranks["edits"] == 0 and ranks["NDCG@10 %"] == 5


def test_rows_are_those_of_models_by_their_headline():
    assert report.summarize(rows()) == ()
    assert [s.name for s in report.summarize(rows(), figures=[NDCG])] == [
        "teacher",
        "packed",
    ]
    with pytest.raises(ValueError, match="stage 'a': realised is None"):
        report.check({"stage": "a", "ndcg": 0.1}, figures=[NDCG])
    report.check({"stage": "a", "ndcg": 0.1})


def test_nothing_on_the_page_calls_it_accuracy():
    given = [row | {"realised": row["stage"]} for row in rows()]
    given = [row | {"realised": "dense"} for row in given[:2]] + given[2:]
    gain = {"stage": "comparison", "of": "packed", "against": "teacher"}
    gain |= {"metric": "ndcg", "difference": 0.08, "low": 0.05, "high": 0.1, "seeds": 2}
    page = report.html([*given, gain], figures=[NDCG, LENGTH])
    assert "accuracy" not in page.lower().split("<body")[1]
    assert "+8.00 points" in page and "of NDCG@10" in page
    assert "Differences in NDCG@10" in page and "NDCG@10 against bytes" in page


def test_a_comparison_is_of_the_headline():
    gain = {"stage": "comparison", "of": "b", "against": "a", "metric": "ndcg"}
    gain |= {"difference": 0.1, "low": 0.05, "high": 0.2}
    assert compared([gain]) == []
    assert [d.of for d in compared([gain], NDCG)] == ["b"]
    with pytest.raises(ValueError, match="no row compares"):
        report.gain_picture([gain], against="a")
    assert "NDCG@10" in report.gain_picture([gain], against="a", figures=[NDCG])


@pytest.mark.parametrize(("low", "high", "tone"), [(1, 2, "bad"), (-2, -1, "good")])
def test_where_less_is_better_a_rise_is_bad(low, high, tone):
    gain = {"stage": "comparison", "of": "b", "against": "a", "metric": "length"}
    gain |= {"difference": (low + high) / 2, "low": low, "high": high}
    (found,) = compared([gain], LENGTH)
    assert found.tone == tone
    assert found.text == f"{(low + high) / 2:+.3f}".replace("-", "−")


def test_two_runs_are_compared_in_the_headline():
    before, after = rows(values=((0.2, 0.2), (0.3, 0.3))), rows()
    shown = report.compare(before, after, figures=[NDCG, LENGTH])
    assert str(shown).splitlines()[0].split()[-4:] != []
    assert shown.rows[0]["difference"] == pytest.approx(0.025)
    edits = str(report.compare(before, after, figures=[LENGTH]))
    assert "edits" in edits and "percentage points" not in edits


def test_a_picture_has_the_headline_s_axis_and_names_what_is_best():
    picture = report.size_picture(rows(), figures=[NDCG])
    assert "NDCG@10 %" in picture
    assert "edits" in report.size_picture(rows(), figures=[LENGTH])


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ([], ValueError, "figures must be some, of different names; got none"),
        ([NDCG, NDCG], ValueError, "different names; got 'ndcg', 'ndcg'"),
    ],
)
def test_what_are_no_figures_is_refused(given, kind, message):
    with pytest.raises(kind, match=message):
        report.markdown(rows(), figures=given)


def tagged(name="average_precision"):
    return rows(name)


def test_rows_of_several_labels_have_their_figures_where_none_are_chosen():
    assert heads(report.markdown(tagged()))[2] == "mAP %"
    assert len(report.summarize(tagged())) == 2
    with pytest.raises(ValueError, match="stage 'a': realised is None"):
        report.check({"stage": "a", "average_precision": 0.1})
    assert "mAP %" in report.size_picture(tagged())
    assert str(report.compare(tagged(), tagged())).count("mAP of both") == 1
    page = report.html(tagged())
    assert "mAP against bytes" in page
    assert "accuracy" not in page.lower().split("<body")[1]
    both = [*tagged(), *rows("accuracy")]
    assert heads(report.markdown(both))[2] == "accuracy %"
    assert report.summarize(tagged(), figures=[report.FIGURES[0]]) == ()


def test_named_are_those_of_the_library():
    assert report.named("accuracy") == report.FIGURES[:1]
    assert [x.name for x in report.named("kl", "accuracy")] == ["kl", "accuracy"]
    assert report.named("f1_micro", "nll") == (
        report.FIGURES_OF_TAGS[1],
        report.FIGURES_OF_TAGS[-1],
    )
    assert report.named("accuracy", "nll")[1] in report.FIGURES
    with pytest.raises(ValueError, match=r"no figure 'f1'; valid: acc.*, f1_micro, "):
        report.named("f1")
