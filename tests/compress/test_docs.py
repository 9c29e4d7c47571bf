import pathlib
import re

import pytest

from jdistill import artifact, compress

DOCS = pathlib.Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["compress.md", "artifact.md"])
def test_the_examples_of_a_page_run(page):
    text = (DOCS / page).read_text()
    exec("\n".join(re.findall(r"```python\n(.*?)```", text, re.S)), {})


@pytest.mark.parametrize(
    ("page", "module"), [("compress.md", compress), ("artifact.md", artifact)]
)
def test_every_public_name_has_a_line(page, module):
    text = (DOCS / page).read_text()
    assert [name for name in module.__all__ if name not in text] == []
