"""A decoder packed, loaded and writing."""

import jax
import numpy as np
import pytest

import jdistill as jd
from jdistill import compress, language, tokenizers
from jdistill.models import DecoderConfig, decoder
from jdistill.typing import Frozen
from tests.reliability import edits
from tests.tokenizers.made import byte_pairs, gguf

TOKENIZER = tokenizers.from_gguf(gguf(byte_pairs()))
CONFIG = DecoderConfig(
    vocab=TOKENIZER.vocab,
    dim=8,
    depth=3,
    heads=2,
    kv_heads=1,
    head_dim=4,
    mlp_dim=12,
    max_steps=64,
    window=(4, 0, 4),
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A file of four bits, and the variables that it was evaluated with."""
    model = decoder(CONFIG)
    params, _ = model.init(jax.random.key(0), {})
    params = jax.tree.map(lambda p: 30 * p, params)
    codes = compress.fake_quant(bits=4, where=".*/(attention|mlp)/.*")
    at = params, *codes.init(params)
    path = tmp_path_factory.mktemp("packed") / "small.safetensors"
    about = language.describe(CONFIG, TOKENIZER)
    jd.pack(path, codes.encode(*at), description=about)
    return path, model, Frozen(codes.apply(*at))


def test_the_file_writes_what_its_model_wrote(packed):
    path, model, frozen = packed
    found = jd.load(path)
    wanted = language.writer(model, frozen, TOKENIZER, steps=6)
    assert found.generate("the cat", steps=6) == wanted("the cat")
    assert found.generate(["a", "the"], steps=6) == wanted(["a", "the"])
    assert found.tokenizer.fingerprint == TOKENIZER.fingerprint
    assert found.model.decoding is not None


def test_the_file_predicts_the_next_token_of_texts_and_ids(packed):
    path, model, frozen = packed
    found, ids = jd.load(path), TOKENIZER.encode("the cat")[None]
    wanted = model.apply(frozen.params, {}, {"inputs": ids})[0].logits
    np.testing.assert_allclose(found.predict(ids), wanted, rtol=1e-5, atol=1e-5)
    texts = found.predict("the cat")[:, : ids.shape[1]]
    np.testing.assert_allclose(texts, wanted, rtol=1e-4, atol=1e-4)


def test_a_file_scores_texts_as_its_model_does(packed):
    path, model, frozen = packed
    texts = ["the cat sat on the mat", "one two three"]
    windows = jd.data.windows(jd.data.tokenize(texts, TOKENIZER), steps=8)
    wanted = language.figures(model, frozen, windows)
    found = jd.load(path).score(texts, steps=8)
    assert found["bits_per_byte"] == pytest.approx(wanted["bits_per_byte"], rel=1e-5)
    assert found["targets"] == wanted["targets"] and found["context"] == 8
    one = jd.load(path).score(texts[0], steps=8)
    assert one["targets"] < found["targets"]


def test_a_file_of_no_texts_says_so(tmp_path):
    model = jd.models.mlp(widths=(), classes=2)
    params, _ = model.init(jax.random.key(0), {"inputs": np.ones((1, 3))})
    encoded = compress.identity().encode(params, (), ())
    about = {"model": {"name": "mlp", "widths": [], "classes": 2}}
    jd.pack(tmp_path / "f", encoded, description=about)
    found = jd.load(tmp_path / "f")
    for of_texts in (found.generate, found.score):
        with pytest.raises(ValueError, match="holds no model of texts"):
            of_texts("a")


ABOUT = language.describe(CONFIG, TOKENIZER)
HOSTILE = {
    "more layers": {"depth": 4, "window": 0, "theta": 1e4, "position_factor": 1.0},
    "endless layers": {"depth": 10**9, "window": 0, "theta": 1e4},
    "another width": {"dim": 16},
    "a wide head": {"head_dim": 10**9},
    "many words": {"vocab": 10**12},
    "a field that is none": {"dims": 3},
    "a network": {"dim": {"name": "mlp"}},
    "a text": {"dim": "8"},
    "endless windows": {"window": [0] * 10**5},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_configuration_is_one_line(packed, tmp_path, name):
    parts = edits.opened(packed[0].read_bytes())
    parts.index["description"]["model"]["config"] |= HOSTILE[name]
    path = tmp_path / "small.safetensors"
    path.write_bytes(edits.closed(parts))
    with pytest.raises(ValueError, match=r"small\.safetensors") as caught:
        jd.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("says", [3, {"definition": "?"}, None])
def test_a_hostile_tokenizer_is_one_line(packed, tmp_path, says):
    parts = edits.opened(packed[0].read_bytes())
    parts.index["description"]["tokenizer"] = says
    path = tmp_path / "small.safetensors"
    path.write_bytes(edits.closed(parts))
    with pytest.raises(ValueError, match="its tokenizer is no description"):
        jd.load(path)


def test_a_tokenizer_of_another_network_is_refused():
    wide = DecoderConfig(**CONFIG.as_dict() | {"vocab": 10})
    with pytest.raises(ValueError, match="10"):
        language.describe(wide, TOKENIZER)
