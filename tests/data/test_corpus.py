"""Documents as token ids."""

import json
import shutil

import numpy as np
import pytest

from jdistill import data
from jdistill.data import _corpus
from jdistill.tokenizers import from_gguf
from tests.tokenizers.made import TEXTS, gguf, scored

TOKENIZER = from_gguf(gguf())
REAL = [text for text in TEXTS if text]


@pytest.mark.parametrize("metadata", [gguf(), scored("prefix")])
def test_a_corpus_is_the_ids_of_its_texts(metadata, monkeypatch, tmp_path):
    monkeypatch.setattr(_corpus, "_BATCH", 300)  # several batches
    tokenizer = from_gguf(metadata)
    wanted = [tokenizer.encode(text).tolist() for text in REAL]
    for folder in (None, tmp_path / "kept"):
        corpus = data.tokenize(REAL, tokenizer, folder=folder, edition="ours")
        cuts = np.split(np.asarray(corpus.ids), corpus.starts[1:-1])
        assert [row.tolist() for row in cuts] == wanted
        assert corpus.info["bytes"] == sum(len(text.encode()) for text in REAL)
        assert corpus.info["documents"] == len(REAL)
        assert corpus.info["edition"] == "ours"


def test_a_corpus_in_a_folder_is_mapped_and_found_again(tmp_path):
    made = data.tokenize(REAL, TOKENIZER, folder=tmp_path)
    again = data.load_corpus(tmp_path, TOKENIZER)
    assert isinstance(again.ids, np.memmap)
    assert again.info == made.info == data.tokenize(REAL, TOKENIZER).info
    assert (tmp_path / "ids.bin").stat().st_size == 2 * made.info["tokens"]


def test_the_name_of_a_control_token_is_a_word_unless_the_text_is_a_template(tmp_path):
    text = "the cat<|end|> sat"
    for control in (False, True):
        folder = tmp_path / str(control)
        data.tokenize([text], TOKENIZER, folder=folder, control=control)
        corpus = data.load_corpus(folder, TOKENIZER)
        wanted = TOKENIZER.encode(text, control=control)
        assert corpus.ids.tolist() == wanted.tolist()
        assert corpus.info["control"] is control is (0 in corpus.ids)
        made = data.windows(corpus, steps=4).protocol
        assert made["control"] is control
    assert data.tokenize([text], TOKENIZER).info["control"] is False


def test_the_fingerprint_is_of_ids_and_documents():
    one = data.tokenize(["the cat", " sat"], TOKENIZER).info["fingerprint"]
    assert one != data.tokenize(["the cat sat"], TOKENIZER).info["fingerprint"]
    assert one == data.tokenize(["the cat", " sat"], TOKENIZER).info["fingerprint"]


def test_a_corpus_is_never_written_over(tmp_path):
    data.tokenize(REAL, TOKENIZER, folder=tmp_path)
    with pytest.raises(ValueError, match="has a corpus already: load_corpus"):
        data.tokenize(["another"], TOKENIZER, folder=tmp_path)
    assert data.load_corpus(tmp_path, TOKENIZER).info["documents"] == len(REAL)


def test_a_corpus_that_was_not_finished_is_none_and_may_be_made_again(tmp_path):
    def broken():
        yield "the cat"
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        data.tokenize(broken(), TOKENIZER, folder=tmp_path)
    with pytest.raises(ValueError, match="no corpus at"):
        data.load_corpus(tmp_path, TOKENIZER)
    assert data.tokenize(REAL, TOKENIZER, folder=tmp_path).info["tokens"] > 0


def test_another_tokenizer_is_refused_by_content(tmp_path):
    data.tokenize(REAL, TOKENIZER, folder=tmp_path)
    tokens = list(gguf()["tokenizer.ggml.tokens"])
    tokens[5], tokens[6] = tokens[6], tokens[5]
    with pytest.raises(ValueError, match="was made with another tokenizer"):
        data.load_corpus(tmp_path, from_gguf(gguf(tokens=tokens)))


def test_empty_texts_are_refused_by_number():
    with pytest.raises(ValueError, match="document 1: the text is empty"):
        data.tokenize(["a", "", "b"], TOKENIZER)
    with pytest.raises(ValueError, match="document 1: the text is empty"):
        data.tokenize(["a", ""], TOKENIZER)
    with pytest.raises(ValueError, match="there are no texts"):
        data.tokenize([], TOKENIZER)


def shorter(path):
    path.write_bytes(path.read_bytes()[:-2])


def other_format(path):
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 9}))


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("ids.bin", shorter, "ids.bin has .* ids of"),
        ("ids.bin", lambda path: path.unlink(), "is no whole corpus"),
        ("starts.npy", lambda path: path.unlink(), "is no whole corpus"),
        ("starts.npy", lambda path: np.save(path, np.arange(3)), "starts.npy is dam"),
        ("corpus.json", lambda path: path.write_text("{"), "is no whole corpus"),
        ("corpus.json", lambda path: path.write_text("{}"), "is no whole corpus"),
        ("corpus.json", other_format, "has format 9, this reads 2"),
    ],
)
def test_a_damaged_corpus_is_refused(name, damage, message, tmp_path):
    data.tokenize(REAL, TOKENIZER, folder=tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    damage(tmp_path / "b" / name)
    with pytest.raises(ValueError, match=message):
        data.load_corpus(tmp_path / "b", TOKENIZER)


def test_an_id_outside_the_vocabulary_is_named_when_it_is_taken(tmp_path):
    corpus = data.tokenize(["the cat", "the mat"], TOKENIZER)
    ids = corpus.ids.copy()
    ids[-1] = 9999
    made = data.windows(corpus, steps=4)
    assert made.split.arrays is not None
    with pytest.raises(
        ValueError, match=r"document 1, token .: id 9999 is none of the"
    ):
        data.windows(corpus._replace(ids=ids), steps=4)
