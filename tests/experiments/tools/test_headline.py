"""An experiment's figures, wherever its rows are shown."""

import pytest

from experiments import ctc, recommend
from experiments.tools import headline
from jdistill import report


@pytest.mark.parametrize("config", [{}, {"experiment": "x"}, {"experiment": "a.b"}])
def test_without_an_experiment_they_are_those_of_classifiers(config):
    assert headline.of_config(config) == report.FIGURES


def test_a_result_has_those_of_the_experiment_that_made_it():
    assert headline.of_result("recommenders") == recommend.FIGURES
    assert headline.of_result("sequences") == ctc.FIGURES
    assert headline.of_result("digits") == report.FIGURES
    assert headline.of_result("vocabulary_gemma") == headline.of_result("language")
    assert headline.of_result("recipes_docs") == report.FIGURES


@pytest.mark.parametrize("name", headline.ASKED)
def test_published_rows_have_the_headline_of_their_experiment(name, results):
    figure = headline.of_result(name)[0].name
    rows = results(name)
    models = [row for row in rows if row["stage"] != "comparison"]
    assert models and all(figure in row for row in models if "accuracy" in row)
    assert {row["metric"] for row in rows if row["stage"] == "comparison"} <= {figure}
    assert report.summarize(rows, figures=headline.of_result(name))


@pytest.fixture
def results():
    from experiments.pictures import RESULTS
    from experiments.tools.rows import read_rows

    return lambda name: read_rows(RESULTS / f"{name}.jsonl")
