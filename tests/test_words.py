"""Paths and texts are told from numbers and from one another."""

import pathlib

import pytest

from jdistill import words


def test_numbers_are_no_paths():
    words.check_path(x="a", y=pathlib.Path("b"))
    for value in (0, True, None, b"a", ["a"], 2.5):
        with pytest.raises(TypeError, match="x must be the path of a file or a folder"):
            words.check_path(x=value)


def test_texts_are_several():
    words.check_texts(x=("a", "b"), y=[], z=iter(["a"]))
    for value in ("ab", 3, None, b"ab", {"a": 1}):
        with pytest.raises(TypeError, match="x must be several texts, got"):
            words.check_texts(x=value)
    with pytest.raises(TypeError, match=r"x\[1\] must be a text, got 3"):
        words.check_texts(x=["a", 3])
    with pytest.raises(TypeError, match="x must be a text, got None"):
        words.check_text(x=None)
