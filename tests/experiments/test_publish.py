import pytest

from experiments import publish
from experiments.tools import numbers


@pytest.mark.parametrize("name", publish.PAGES)
def test_the_tables_of_the_pages_are_those_of_the_rows(name):
    page = publish.ROOT / name
    if page.exists():
        text = page.read_text()
        assert publish.TABLE.search(text) or numbers.COLUMN in text
        assert publish.published(text) == text, "run python -m experiments.publish"


def test_a_kind_of_table_that_there_is_not_is_an_error():
    with pytest.raises(
        ValueError, match="no table 'tables'; valid: table, short, gains"
    ):
        publish.published("<!-- tables: digits -->\n<!-- end -->")


def test_errors_are_means_over_the_seeds_with_their_standard_error():
    rows = [{"stage": "a", "errors": e, "epochs": 4, "paper": None} for e in (10, 14)]
    assert publish.errors(rows).splitlines()[-1] == "| a | 12 ±2 | – | 2 | 4 |"


@pytest.mark.parametrize(("low", "high", "bold"), [(1, 3, 1), (-3, -1, 1), (-1, 3, 0)])
def test_a_gain_that_is_not_noise_is_bold(low, high, bold):
    gain = {"of": "kl", "against": "alone", "difference": (low + high) / 200}
    row = {"stage": "comparison", **gain, "low": low / 100, "high": high / 100}
    table = publish.gains([{"stage": "kl", "accuracy": 0.5}, row])
    assert table.splitlines()[-1].count("**") == 2 * bold


def test_a_table_without_rows_is_an_error():
    with pytest.raises(ValueError, match="no rows for table 'nothing'"):
        publish.published("<!-- table: nothing -->\n<!-- end -->")


def test_a_column_of_numbers_is_filled_in_each_table_and_nothing_else_is():
    page = """
| loss | equation | our number | paper's number |
|---|---|---|---|
| `losses.kl` | x | stale | 74 |
| `losses.jsd` | y | stale |  |

| loss | help |
| `losses.kl` | stale |
"""
    expected = page.replace("| stale | 74 |", "| digits 98 | 74 |")
    expected = expected.replace("| stale |  |", "| |  |")
    assert numbers.filled(page, {"kl": "digits 98"}) == expected


def test_a_number_joins_what_was_measured_on_several_data():
    def rows(value, name="accuracy"):
        gain = {"difference": -0.01, "low": -0.02, "high": 0.005}
        comparison = {"stage": "comparison", "of": "cosine", "metric": name, **gain}
        return [
            {"stage": "cosine", name: value},
            {**comparison, "against": "alone"},
            {**comparison, "against": "kl", "difference": 0.5},
            {"stage": "alone", name: 0.5},
        ]

    results = {"losses": rows(0.9), "transformers": rows(0.8)}
    results |= {"recommenders": rows(0.1, "ndcg")}
    results |= {"sequences": rows(0.2, "digits_right")}
    found = numbers.cells(results)
    gain = "(-1.0 [-2.0, +0.5])"
    assert found["cosine"] == f"digits 90.0 {gain}; docstrings 80.0 {gain}; " + (
        f"ratings, NDCG@10 10.0 {gain}; strings, digits right 20.0 {gain}"
    )
    assert found["cross_entropy"] == "digits 50.0; docstrings 50.0"
    assert found["binary_cross_entropy"] == "ratings, NDCG@10 50.0"
