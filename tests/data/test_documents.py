"""Texts of files, read as they are needed."""

import json

import pytest

from jdistill import data
from jdistill.data import _documents
from jdistill.tokenizers import from_gguf
from tests.tokenizers.made import gguf, scored


def texts(*paths, **options):
    return [part.text for part in data.documents(*paths, **options)]


def test_a_plain_file_is_one_document_and_each_line_of_json_is_one(tmp_path):
    plain, lines = tmp_path / "b.txt", tmp_path / "a.jsonl"
    plain.write_bytes("one\r\ntwo é\n".encode())
    rows = [{"text": "first\nline"}, {"text": "second", "more": 1}]
    lines.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert texts(plain, lines) == ["one\r\ntwo é\n", "first\nline", "second"]


def test_a_folder_is_read_in_the_order_of_its_paths_without_hidden_files(tmp_path):
    for name in ("b/c.txt", "a.txt", ".git/x.txt", "b/.hidden", "b/a.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert texts(tmp_path) == ["a.txt", "b/a.md", "b/c.txt"]


def test_documents_can_be_read_again(tmp_path):
    (tmp_path / "a.txt").write_text("once more")
    found = data.documents(tmp_path)
    assert list(found) == list(found) == [data.Part("once more")]


@pytest.mark.parametrize("tokenizer", [gguf(), scored("prefix"), scored("plain")])
def test_a_long_document_in_pieces_has_the_ids_of_the_whole(
    tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setattr(_documents, "_CHUNK", 64)
    text = "The cat's 12 mats,  and\n\n the dog; sat on 3.5 of them. é 🙂 na na! " * 40
    (tmp_path / "a.txt").write_text(text)
    found = list(data.documents(tmp_path))
    assert len(found) > 20 and "".join(part.text for part in found) == text
    assert [part.inside for part in found] == [False] + [True] * (len(found) - 1)
    tokenizer = from_gguf(tokenizer)
    corpus = data.tokenize(found, tokenizer)
    assert corpus.ids.tolist() == tokenizer.encode(text).tolist()
    assert corpus.starts.tolist() == [0, len(corpus.ids)]


def test_a_text_without_two_words_is_read_in_bounded_pieces():
    found = list(_documents.parts("0123456789" * 100, size=10))
    assert max(len(part.text) for part in found) == 160
    assert "".join(part.text for part in found) == "0123456789" * 100


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": ""}', "line 2: 'text' must be a text"),
        ("a.jsonl", b'{"text": 3}', "line 1: 'text' must be a text, got 3"),
        ("a.jsonl", b'{"body": "x"}', r"line 1 has no 'text'; there are \['body'\]"),
        ("a.jsonl", b"[1]", "line 1 has no 'text'; there are list"),
        ("a.jsonl", b"\n{oops", "line 2 is no JSON"),
        ("a.txt", b"\xff\xfe\xfa", "a.txt is no text in UTF-8"),
    ],
)
def test_a_line_or_file_that_is_no_text_is_named(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        texts(tmp_path / name)


def test_what_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"no file or folder at .*nothing"):
        data.documents(tmp_path / "nothing")
    with pytest.raises(ValueError, match="has no files"):
        data.documents(tmp_path)
    with pytest.raises(ValueError, match="needs the path"):
        data.documents()


def test_another_field_may_hold_the_text(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "x y"}')
    assert texts(tmp_path / "a.jsonl", field="body") == ["x y"]
