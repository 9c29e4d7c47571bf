"""Tokenizers of Hugging Face folders."""

import json

import pytest

from jdistill.tokenizers import from_gguf, from_hf, to_hf
from tests.tokenizers.made import TEXTS, byte_pairs, gguf, scored


def write(folder, settings=None, special=None):
    byte_pairs().save(str(folder / "tokenizer.json"))
    files = {"tokenizer_config": settings, "special_tokens_map": special}
    for name, content in files.items():
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    "metadata",
    [gguf(), gguf(add_bos_token=True), scored("prefix"), scored("plain")],
    ids=["bytes", "begun", "prefix", "plain"],
)
def test_what_is_written_is_read_again(metadata, tmp_path):
    tokenizer = from_gguf(metadata)
    to_hf(tokenizer, tmp_path / "new" / "folder")
    again = from_hf(tmp_path / "new" / "folder")
    same = ("fingerprint", "special", "begins", "control", "prefix", "vocab")
    for name in same:
        assert getattr(again, name) == getattr(tokenizer, name), name
    for text in TEXTS:
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist()


def test_special_tokens_are_texts_or_objects_or_none(tmp_path):
    settings = {
        "bos_token": {"content": "<|start|>", "lstrip": False},
        "eos_token": "<|start|>",
        "pad_token": "[PAD]",
        "unk_token": None,
    }
    folder = write(tmp_path, settings, {"eos_token": "<|end|>"})
    tokenizer = from_hf(folder)
    assert tokenizer.special == {"bos": 1, "eos": 0}
    assert not tokenizer.begins


def test_a_folder_says_whether_windows_begin_with_bos(tmp_path):
    folder = write(tmp_path, {"bos_token": "<|start|>", "add_bos_token": True})
    assert from_hf(folder).begins
    to_hf(from_hf(folder), folder)
    # the file itself now puts it before every text, as transformers will
    assert from_hf(folder / "tokenizer.json").begins
    told = {"bos_token": "<|start|>", "add_bos_token": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    assert not from_hf(folder).begins


def test_a_file_alone_is_read(tmp_path):
    write(tmp_path)
    assert from_hf(tmp_path / "tokenizer.json").vocab == 272


def test_a_folder_without_a_tokenizer_says_what_is_there(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no tokenizer\.json at .*'tokenizer\.model'"):
        from_hf(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{}", "tokenizer.json: "),
        ("tokenizer_config.json", "{", "tokenizer_config.json: "),
        ("tokenizer_config.json", "[]", "holds no object"),
        ("tokenizer_config.json", '{"bos_token": 7}', "must be a text, got 7"),
        ("tokenizer_config.json", '{"add_bos_token": "yes"}', "true or false"),
        ("tokenizer_config.json", '{"add_bos_token": true}', "but none is named"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(
    name, content, message, tmp_path
):
    (write(tmp_path) / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        from_hf(tmp_path)


ENDS = [
    ({"eos_token_id": [0, 5]}, {"eos_token_id": 7}, (1, 0, 5)),
    ({"eos_token_id": 5}, None, (1, 5)),
    ({"temperature": 0.5}, {"eos_token_id": [1, 7]}, (1, 7)),
    ({"eos_token_id": None}, {"eos_token_id": None}, (1,)),
    (None, {"eos_token_id": [7, 10**6]}, (1, 7)),
]


@pytest.mark.parametrize(("generation", "config", "ends"), ENDS)
def test_what_ends_a_text_is_said_by_the_files_of_the_network(
    generation, config, ends, tmp_path
):
    folder = write(tmp_path, {"eos_token": "<|start|>"})
    for name, said in (("generation_config", generation), ("config", config)):
        if said is not None:
            (folder / f"{name}.json").write_text(json.dumps(said))
    tokenizer = from_hf(folder)
    assert tokenizer.ends == ends and tokenizer.special == {"eos": 1}


def test_without_eos_a_text_may_end_all_the_same(tmp_path):
    folder = write(tmp_path)
    assert from_hf(folder).ends == ()
    (folder / "config.json").write_text('{"eos_token_id": 5}')
    assert from_hf(folder).ends == (5,) and not from_hf(folder).special


@pytest.mark.parametrize("wrong", ["[]", '"</s>"', "[1, -1]", "true", "1.5", "{}"])
def test_what_is_no_id_does_not_end_a_text(wrong, tmp_path):
    folder = write(tmp_path)
    (folder / "generation_config.json").write_text(f'{{"eos_token_id": {wrong}}}')
    with pytest.raises(ValueError, match=r"generation_config.json: eos_token_id must"):
        from_hf(folder)
