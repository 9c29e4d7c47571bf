import pytest

from experiments import publish


@pytest.mark.parametrize("name", publish.PAGES)
def test_the_tables_of_the_pages_are_those_of_the_rows(name):
    page = publish.ROOT / name
    if page.exists():
        text = page.read_text()
        assert "<!-- table:" in text
        assert publish.published(text) == text, "run python -m experiments.publish"


def test_a_kind_of_table_that_there_is_not_is_an_error():
    with pytest.raises(ValueError, match="no table 'tables'; valid: table, gains"):
        publish.published("<!-- tables: digits -->\n<!-- end -->")


def test_errors_are_means_over_the_seeds_with_their_standard_error():
    rows = [{"stage": "a", "errors": e, "epochs": 4, "paper": None} for e in (10, 14)]
    assert publish.errors(rows).splitlines()[-1] == "| a | 12 ±2 | – | 2 | 4 |"


def test_a_table_without_rows_is_an_error():
    with pytest.raises(ValueError, match="no rows for table 'nothing'"):
        publish.published("<!-- table: nothing -->\n<!-- end -->")
