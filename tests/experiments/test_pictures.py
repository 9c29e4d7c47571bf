"""The pictures of the pages are those of the rows that are there."""

import pytest

from experiments import pictures


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_of_the_rows_that_are_there(name):
    drawn = (pictures.FOLDER / f"{name}.svg").read_text()
    assert drawn.startswith(pictures.head(name)), "run `make pictures`"


def test_a_page_shows_each_picture_and_no_other_is_kept():
    page = (pictures.ROOT / "docs" / "gallery.md").read_text()
    kept = {path.stem for path in pictures.FOLDER.iterdir()}
    assert kept == set(pictures.PICTURES)
    assert all(f"(pictures/{name}.svg)" in page for name in kept)


def test_a_picture_is_the_same_each_time():
    assert pictures.picture("unlabelled") == pictures.picture("unlabelled")


def test_what_has_no_rows_is_named():
    with pytest.raises(ValueError, match="no rows for picture 'nothing'"):
        pictures.head("nothing")
