"""The experiment with language models, on a network made here."""

import pathlib

import jax
import numpy as np
import pytest

from configs import language as config
from experiments import language
from experiments.tools.rows import open_rows
from experiments.tools.texts import text
from jdistill import models, tokenizers
from jdistill.typing import Frozen
from tests.tokenizers.made import byte_pairs, gguf


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A GGUF file of a tiny decoder."""
    tokenizer = tokenizers.from_gguf(gguf(byte_pairs()))
    made = models.DecoderConfig(
        vocab=tokenizer.vocab,
        dim=32,
        depth=3,
        heads=2,
        kv_heads=1,
        head_dim=16,
        mlp_dim=32,
        max_steps=128,
    )
    model = models.decoder(made)
    params, _ = model.init(jax.random.key(0), {})
    params = jax.tree.map(lambda p: 10 * p, params)
    path = tmp_path_factory.mktemp("made") / "small.gguf"
    models.to_gguf(models.Pretrained(model, Frozen(params), made, tokenizer), path)
    return str(path)


def settings(model, stages=None):
    chosen = config.get_config("smoke").to_dict() | {"model": model, "context": 32}
    without = [s for s in chosen["stages"] if "export" not in s]
    fewer = [{"stage": "two layers", "keep_layers": 2}]
    every = [without[0], *fewer, *without[1:]]
    every[2] = {"stage": "its tokens", "keep_tokens": {"first": 10, "most": 100}}
    return chosen | {"characters": 300, "stages": stages or every}


def test_each_stage_is_a_row_and_the_file_is_what_was_evaluated(small, tmp_path):
    rows = {row["stage"]: row for row in language.run(settings(small), tmp_path)}
    assert list(rows) == ["teacher", "two layers", "its tokens", "quantised", "packed"]
    teacher, packed = rows["teacher"], rows["packed"]
    assert [row["realised"] for row in rows.values()] == [
        *("dense", "dense", "dense", "masked", "packed"),
    ]
    for name in ("bits_per_byte", "kl", "agreement", "writes"):
        assert packed[name] == rows["quantised"][name]
    assert packed["bytes"] == (tmp_path / "small.safetensors").stat().st_size
    assert packed["bytes"] < teacher["bytes"] / 3
    sizes = [row["parameters"] for row in rows.values()]
    assert sizes[0] > sizes[1] > sizes[2] == sizes[3] == sizes[4]
    assert "kl" not in teacher and rows["two layers"]["kl"] > 0
    assert "kl" not in rows["its tokens"] and rows["quantised"]["kl"] > 0
    assert teacher["targets"] <= rows["its tokens"]["targets"]


def learning(steps, **more):
    losses = {"kd": "kl", "ce": "cross_entropy"}
    terms = {name: {"on": "vocabulary", "loss": loss} for name, loss in losses.items()}
    tx = {"name": "adam", "learning_rate": 1e-2}
    return {
        "terms": terms,
        "steps": steps,
        "batch_size": 4,
        "context": 16,
        "tx": tx,
    } | (more)


def test_a_stage_trains_from_the_one_it_names_and_goes_on(small, tmp_path, monkeypatch):
    first = {"stage": "whole"}
    fewer = {"stage": "fewer", "keep_layers": {"number": 2, "by": "first"}}
    other = {"stage": "other", "after": "whole", "keep_layers": [0], "scored": False}
    learn = {"stage": "learned", "after": "fewer"}
    parts = [learn | {"train": learning(n, save_every=10)} for n in (2, 20)]
    config = settings(small, [first, fewer, other, *parts])
    bars, bar = [], language.train.progress
    monkeypatch.setattr(
        language.train, "progress", lambda **of: bars.append(of) or bar(**of)
    )
    rows = list(language.run(config | {"prompt": None}, tmp_path / "a"))
    assert bars == [{"stages": {"learned 0": 20}}]
    assert [(row["stage"], row.get("tokens")) for row in rows] == [
        ("whole", None),
        ("fewer", None),
        ("learned", 2 * 64),
        ("learned", 20 * 64),
    ]
    assert rows[1]["parameters"] == rows[3]["parameters"] < rows[0]["parameters"]
    assert rows[3]["nll"] < rows[2]["nll"] < rows[1]["nll"]
    append = open_rows(tmp_path / "a" / "rows.jsonl", ("stage", "tokens"))
    for row in rows[:3]:
        append(row)
    again = list(language.run(config | {"prompt": None}, tmp_path / "a"))
    assert [row["tokens"] for row in again] == [20 * 64], "what is there is made again"
    assert again[0]["kl"] == rows[3]["kl"], "the run did not go on from its checkpoint"


def test_a_file_in_parts_is_joined(small, tmp_path):
    whole = pathlib.Path(small).read_bytes()
    names = [tmp_path / "one", tmp_path / "two"]
    for name, part in zip(names, (whole[:1000], whole[1000:]), strict=True):
        name.write_bytes(part)
    language.read("+".join(map(str, names)), tmp_path)
    assert (tmp_path / "joined.gguf").read_bytes() == whole


def test_the_tokens_outside_are_those_that_were_cut(small, tmp_path):
    stages = [{"stage": "few", "keep_tokens": {"most": 1}}]
    (row,) = language.run(settings(small, stages) | {"prompt": None}, tmp_path)
    tokenizer = language.read(small).tokenizer
    tests = text("topics", characters=300).test
    found = np.concatenate(tokenizer.encode_many(tests))
    joined = tokenizer.num_bytes[found] > 1  # single bytes always stay
    assert row["outside"] == joined.sum() > 0
    assert row["targets"] > len(found) - len(tests)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "no_such_package:*.gguf"}, "config.model: the package .* is not"),
        ({"texts": ["topic"]}, "config.texts: text is 'topic'; valid"),
        ({"stages": [{"stage": "a", "cut": 1}]}, "config.stages: a stage has a name"),
        ({"stages": [{"pack": "a"}]}, "config.stages: a stage has a name"),
        ({"stages": [{"stage": "a", "after": "b"}]}, "no stage 'b' before; there: non"),
        ({"stages": [{"stage": "a", "train": {}}]}, "stage 'a' needs 'terms'"),
        (
            {"stages": [{"stage": "a", "train": learning(2, sede=1)}]},
            "stage 'a' has 'sede'; valid",
        ),
        (
            {"stages": [{"stage": "a", "train": learning(2, terms={"x": {}})}]},
            "stage 'a': term 'x': on is None",
        ),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_read(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        next(language.run(settings("nowhere.gguf") | change, tmp_path))


def test_a_file_inside_a_package_is_found():
    with pytest.raises(ValueError, match="has no file nothing"):
        language.read("json:nothing*")
