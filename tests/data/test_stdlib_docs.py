"""The embedded texts: complete, labelled, and without their label."""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

from jdistill import data
from jdistill.data import _stdlib_docs

LIBRARY = pathlib.Path(sysconfig.get_paths()["stdlib"])


@pytest.fixture(scope="module")
def whole():
    return _stdlib_docs.read(LIBRARY)


def test_ten_packages_have_about_a_hundred_texts_or_more(whole):
    counts = np.bincount(whole.label, minlength=10)
    assert len(whole.classes) == len(counts) == 10
    assert counts.min() >= 95 and 1800 < counts.sum() < 2600


def test_no_text_holds_the_name_of_a_package(whole):
    for text in whole.texts:
        assert not re.search("|".join(whole.classes), text.replace("[mask]", ""))


def test_no_text_holds_the_name_of_a_module_as_a_word(whole):
    names = set()
    for source in _stdlib_docs.SOURCES.values():
        for path in _stdlib_docs.source_files(LIBRARY, source):
            module = path.parent if path.stem == "__init__" else path
            names.add(module.stem.strip("_").lower())
    names -= {"main"}
    assert {
        "client",
        "etree",
        "elementtree",
        "events",
        "pydecimal",
        "handlers",
    } <= names
    for text in whole.texts:
        assert not names & set(re.split("[^a-z0-9]+", text.replace("[mask]", "")))


def test_no_two_texts_are_the_same(whole):
    assert len(set(whole.texts)) == len(whole.texts)


def test_texts_have_words_and_no_capitals(whole):
    for text in whole.texts:
        assert len(text.split()) >= 2 and text == text.lower()


@pytest.mark.parametrize(
    "text, masked",
    [
        ("See http.client.HTTPConnection", "see [mask]connection"),
        ("HTTPSHandler", "[mask]shandler"),
        ("a client, clients and client_side", "a [mask], clients and [mask]_side"),
        ("http.client and http", "[mask] and [mask]"),
        ("_HTTPClient", "[mask]"),
        ("a\n   b", "a b"),
    ],
)
def test_names_are_masked_inside_words_and_in_chains(text, masked):
    mask = _stdlib_docs.masker({"http": [pathlib.Path("http/client.py")]})
    assert mask(text) == masked


def test_a_docstring_is_found_wherever_python_allows_one(tmp_path):
    code = '"""One."""\nclass A:\n "Two."\n async def f(): "Three."\n def g(): pass\n'
    (tmp_path / "a.py").write_text(code)
    found = {text for text in _stdlib_docs.docstrings(tmp_path / "a.py") if text}
    assert found == {"One.", "Two.", "Three."}


def library(folder, **docstrings):
    for name, source in _stdlib_docs.SOURCES.items():
        path = folder / source
        if path.suffix != ".py":
            path.mkdir()
            path = path / "__init__.py"
        text = docstrings.get(name, f"All that is said about number {len(name)}.")
        path.write_text(f'"""{text}"""')
    return folder


def test_a_text_of_two_packages_is_left_out(tmp_path):
    text = "Something that two packages say."
    texts = _stdlib_docs.read(library(tmp_path, email=text, http=text)).texts
    assert text.lower() not in texts


def test_a_text_of_few_words_is_left_out(tmp_path):
    texts = _stdlib_docs.read(library(tmp_path, email="Two words.")).texts
    assert "two words." not in texts


def test_tests_of_a_package_are_not_read(tmp_path):
    (library(tmp_path) / "email" / "tests").mkdir()
    (tmp_path / "email" / "tests" / "a.py").write_text('"""A text of the tests."""')
    assert "a text of the tests." not in _stdlib_docs.read(tmp_path).texts


def test_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="needs the source of 'asyncio'"):
        _stdlib_docs.read(tmp_path)


def test_parts_of_all_folds_cover_all_texts_once(whole):
    parts = [data.stdlib_texts(fold=f) for f in range(5)]
    assert sorted(t for p in parts for t in p.test.texts) == sorted(whole.texts)
    for part in parts:
        assert sorted(t for texts in part for t in texts.texts) == sorted(whole.texts)


def test_every_fold_has_every_class_in_every_part():
    for fold in range(5):
        for part in data.stdlib_texts(fold=fold):
            assert set(part.label) == set(range(10))


def test_examples_keep_their_texts_and_labels():
    texts, built = data.stdlib_texts(fold=1), data.stdlib_docs(fold=1)
    for name in ("train", "valid", "test"):
        split, part = getattr(built, name), getattr(texts, name)
        np.testing.assert_array_equal(split.arrays["label"], part.label)
        prepared = built.prepare(part.texts[:20])
        np.testing.assert_array_equal(split.arrays["inputs"][:20], prepared["inputs"])


def test_folds_are_the_same_in_another_process():
    code = (
        "import json; from jdistill import data; "
        "print(json.dumps(data.stdlib_texts(fold=2).test.texts))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "11", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert tuple(json.loads(done.stdout)) == data.stdlib_texts(fold=2).test.texts


def test_info_has_what_rows_record(whole):
    info = data.stdlib_docs(fold=1).info
    assert info["python"] == platform.python_version()
    assert sum(info["sizes"].values()) == sum(info["counts"].values())
    assert sum(info["counts"].values()) == len(whole.texts)
    assert info["fold"] == 1 and info["vocab"] == 8192


def test_a_tokenizer_is_trained_on_the_training_part_only():
    seen = []

    def spy(texts):
        seen.append(tuple(texts))
        return data.hashed_ngrams()(texts)

    data.stdlib_docs(fold=1, prepare=spy)
    assert seen == [data.stdlib_texts(fold=1).train.texts]


def test_texts_can_be_tokens_of_bytes():
    built = data.stdlib_docs(prepare=data.bpe(vocab_size=400, max_length=16))
    assert built.train.arrays["inputs"].shape == (built.train.size, 16)
    assert built.info["vocab"] == 400
