import pytest

from experiments import publish


@pytest.mark.parametrize("name", publish.PAGES)
def test_the_tables_of_the_pages_are_those_of_the_rows(name):
    page = publish.ROOT / name
    if page.exists():
        text = page.read_text()
        assert "<!-- table:" in text
        assert publish.published(text) == text, "run python -m experiments.publish"


def test_a_table_without_rows_is_an_error():
    with pytest.raises(ValueError, match="no rows for table 'nothing'"):
        publish.published("<!-- table: nothing -->\n<!-- end -->")
