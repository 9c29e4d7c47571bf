"""Comments as texts without labels: whole, masked, and never a docstring."""

import re

import pytest

from jdistill import data
from jdistill.data import _stdlib_comments, _stdlib_docs
from tests.data.test_stdlib_docs import library

CODE = '''"""The first of all that is said."""
# One of two lines
#   that are one text.

x = "# no comment at all"  # Said beside the code.
# A second block, of http too.
#! The first of all that is said.
y = 1

# short
# The first of all that is said.
'''


def test_lines_that_follow_each_other_are_one_text(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(CODE)
    assert [*_stdlib_comments.blocks(path)] == [
        "One of two lines that are one text.",
        "Said beside the code. A second block, of http too. "
        "The first of all that is said.",
        "short The first of all that is said.",
    ]


@pytest.fixture
def made(tmp_path):
    (library(tmp_path) / "email" / "b.py").write_text(
        CODE.replace("# short\n", "") + "\n# Two words.\n\n# ONE of two lines\n"
        "# that are one  text.\n"
    )
    return tmp_path


def test_a_docstring_of_any_package_is_no_comment_and_no_text_stands_twice(made):
    assert _stdlib_comments.read(made) == (
        "one of two lines that are one text.",
        "said beside the code. a second block, of [mask] too. "
        "the first of all that is said.",
    )


def test_no_comment_is_a_text_of_any_fold(monkeypatch):
    found = data.stdlib_comments()
    assert len(found) > 2000 and len({*found}) == len(found)
    for fold in range(5):
        for part in data.stdlib_texts(fold=fold):
            assert not {*found} & {*part.texts}
    names = "|".join(_stdlib_docs.CLASSES)
    assert not any(re.search(names, t.replace("[mask]", "")) for t in found)
