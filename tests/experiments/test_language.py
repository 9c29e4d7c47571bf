"""The experiment with language models, on a network made here."""

import jax
import pytest

from configs import language as config
from experiments import language
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
    models.to_gguf(path, models.Pretrained(model, Frozen(params), made, tokenizer))
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "no_such_package:*.gguf"}, "config.model: the package .* is not"),
        ({"texts": ["topic"]}, "config.texts: text is 'topic'; valid"),
        ({"stages": [{"stage": "a", "cut": 1}]}, "config.stages: a stage has a name"),
        ({"stages": [{"pack": "a"}]}, "config.stages: a stage has a name"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_read(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        next(language.run(settings("nowhere.gguf") | change, tmp_path))


def test_a_file_inside_a_package_is_found():
    with pytest.raises(ValueError, match="has no file nothing"):
        language.read("json:nothing*")
