"""Paths and texts are told from numbers and from one another."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from jdistill import words


def test_numbers_are_no_paths():
    words.check_path(x="a", y=pathlib.Path("b"))
    for value in (0, True, None, b"a", ["a"], 2.5):
        with pytest.raises(TypeError, match="x must be the path of a file or a folder"):
            words.check_path(x=value)


def test_a_path_has_no_null_character():
    for value in ("a\0b", pathlib.Path("a\0b")):
        with pytest.raises(ValueError, match=r"x is no path: 'a\\x00b' has a null"):
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


def test_what_is_shown_steers_nothing():
    steers = "\x00\x07\x08\x1b\x7f\x9b\u202e\u2066\u2028\ufeff\ud800"
    assert words.visible(f"a{steers}b") == "a" + "\ufffd" * len(steers) + "b"
    for text in ("Größe\t3\n", "क्\u200dष", "👩\u200d🚀", "a\u00a0b", "[red]<b>|"):
        assert words.visible(text) == text


def test_what_json_does_not_know_is_written_alike_in_every_process():
    made = """
import json, pathlib, jax, numpy as np
from jdistill.words import plain
class Own:
    pass
value = {"set": {f"{i}" for i in range(9)}, "own": Own(), "lambda": lambda x: x,
         "class": Own, "jit": jax.jit(abs), "path": pathlib.Path("a"),
         "array": np.arange(2000), "number": np.float32(0.5), "type": np.dtype("int8")}
print(json.dumps(value, default=plain))
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", made], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2)
    }  # fmt: skip
    assert len(texts) == 1
    found = json.loads(*texts)
    assert found["array"] == [*range(2000)] and found["number"] == 0.5
    assert len(found["set"]) == 9 and found["class"] == "__main__.Own"
