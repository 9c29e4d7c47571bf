"""What a file says of its model, and models of texts that are made of it."""

import jax
import numpy as np
import pytest

import jdistill as jd
from jdistill import compress, language, tokenizers
from jdistill.models import (
    DecoderConfig,
    EncoderDecoderConfig,
    decoder,
    encoder_decoder,
)
from jdistill.typing import Frozen
from tests.reliability import edits
from tests.tokenizers.made import byte_pairs, gguf, unigram
from tests.tokenizers.test_framed import bert

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
    about = jd.describe(model, tokenizer=TOKENIZER)
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
    one = found.predict("the cat")
    np.testing.assert_allclose(one, wanted[0], rtol=1e-4, atol=1e-4)


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
        jd.describe(decoder(wide), tokenizer=TOKENIZER)


def test_a_data_set_gives_classes_inputs_and_the_preparation():
    texts = jd.data.stdlib_docs(
        prepare=jd.data.hashed_ngrams(num_buckets=99, max_length=5, words=(1,))
    )
    model = jd.models.ngram_classifier(classes=10, num_buckets=99)
    says = jd.describe(model, data=texts)
    assert says["classes"] == list(texts.train.classes)
    assert says["inputs"] == {"shape": [5], "dtype": "int32"}
    words = {"num_buckets": 99, "max_length": 5, "words": [1], "chars": []}
    assert says["prepare"] == {"name": "hashed_ngrams", **words}
    assert "prepare" not in jd.describe(model, data=texts.test)
    learned = texts._replace(info={"prepare": {"name": "bpe", "vocab_size": 300}})
    assert "prepare" not in jd.describe(model, data=learned)
    assert jd.describe(model) == {"model": says["model"]}


def test_a_described_text_classifier_predicts_like_its_data_set(tmp_path):
    texts = jd.data.stdlib_docs(prepare=jd.data.hashed_ngrams(num_buckets=99))
    model = jd.models.ngram_classifier(classes=10, num_buckets=99, dim=4)
    batch = texts.prepare(["Parse a date."])
    frozen = Frozen(*model.init(jax.random.key(0), batch))
    jd.pack(tmp_path / "f", frozen, description=jd.describe(model, data=texts))
    wanted = model.apply(*frozen, batch)[0].logits[0]
    found = jd.load(tmp_path / "f")
    np.testing.assert_array_equal(found.predict("Parse a date."), wanted)
    assert found.classify("Parse a date.", top=1)[0][0] in texts.train.classes


def reading_bytes(prepare):
    """A classifier of docstrings as a learned tokenizer cuts them, and its texts."""
    docs = jd.data.stdlib_docs(prepare=prepare)
    model = jd.models.ngram_classifier(classes=10, num_buckets=docs.info["vocab"])
    batch = docs.test.take(np.arange(8))
    return docs, model, Frozen(*model.init(jax.random.key(0), batch)), batch


def test_a_file_keeps_the_tokenizer_that_its_data_taught(tmp_path):
    learned = jd.data.bpe(vocab_size=600, max_length=24)
    docs, model, frozen, batch = reading_bytes(learned)
    about = jd.describe(model, data=docs)
    assert about["prepare"].keys() == {"name", "max_length", "tokenizer"}
    jd.pack(tmp_path / "f", frozen, description=about)
    found = jd.load(tmp_path / "f")
    names = dict(zip(docs.train.classes, range(10), strict=True))
    texts = jd.data.stdlib_texts().test.texts[:8]
    wanted = model.apply(*frozen, batch)[0].logits
    np.testing.assert_allclose(found.predict(list(texts)), wanted, rtol=1e-5, atol=1e-6)
    one = found.predict(texts[3])
    np.testing.assert_allclose(one, wanted[3], rtol=1e-5, atol=1e-6)
    assert names[found.classify(texts[3], top=1)[0][0]] == int(wanted[3].argmax())
    assert found.tokenizer is None, "it is no model that writes"
    both = jd.data.beside(learned, teacher=jd.data.hashed_ngrams(num_buckets=9))
    teaching = jd.describe(model, data=jd.data.stdlib_docs(prepare=both))
    assert teaching["prepare"] == about["prepare"]


def test_a_hostile_preparation_is_one_line(tmp_path):
    docs = jd.data.stdlib_docs(prepare=jd.data.bpe(vocab_size=300, max_length=8))
    model = jd.models.encoder_classifier(classes=10, vocab=300, steps=8, dim=8, heads=2)
    frozen = Frozen(*model.init(jax.random.key(0), docs.test.take([0])))
    about = jd.describe(model, data=docs)
    assert "labels" not in about
    more = jd.data.bpe(vocab_size=400, max_length=8)
    larger = jd.describe(model, data=jd.data.stdlib_docs(prepare=more))["prepare"]
    for wrong, said in (
        ({"max_length": 10**9}, "a whole number from 1 to 65536"),
        ({"max_length": None}, "needs a tokenizer and a max_length"),
        ({"path": "/tmp/x"}, "needs a tokenizer and a max_length"),
        ({"tokenizer": {"definition": "?"}}, "its tokenizer is no description"),
        ({"tokenizer": "gpt2"}, "its tokenizer is no description"),
        (larger, "its preparation has 400 ids, and its model 300"),
        ({"name": "bpe"}, "was learned on texts that are not in it"),
    ):
        prepare = {**about["prepare"], **wrong}
        says = {**about, "prepare": prepare}
        jd.pack(tmp_path / "f", frozen, description=says)
        with pytest.raises(ValueError, match=said) as caught:
            jd.load(tmp_path / "f")
        assert "\n" not in str(caught.value)


def test_a_student_of_fewer_buckets_reads_the_ids_of_its_teacher(tmp_path):
    many = jd.data.hashed_ngrams(num_buckets=301)
    for prepare in (many, jd.data.bpe(vocab_size=400, max_length=8)):
        docs = jd.data.stdlib_docs(prepare=prepare)
        model = jd.models.ngram_classifier(classes=10, num_buckets=50, dim=4)
        batch = docs.test.take(np.arange(4))
        frozen = Frozen(*model.init(jax.random.key(0), batch))
        about = jd.describe(model, data=docs)
        jd.pack(tmp_path / "f", frozen, description=about)
        texts = list(jd.data.stdlib_texts().test.texts[:4])
        found = jd.load(tmp_path / "f").predict(texts)
        wanted = model.apply(*frozen, batch)[0].logits
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_file_of_several_labels_gives_each_its_own_probability(tmp_path):
    label = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    arrays = {"inputs": np.eye(2, 3, dtype=np.float32), "label": label}
    split = jd.data.in_memory(arrays, classes=("big", "old", "red"))
    model = jd.models.mlp(widths=(), classes=3)
    about = jd.describe(model, data=split)
    assert about["labels"] == "several"
    frozen = Frozen(*model.init(jax.random.key(0), arrays))
    jd.pack(tmp_path / "f", frozen, description=about)
    found = jd.load(tmp_path / "f")
    own = dict(
        zip(found.classes, jax.nn.sigmoid(found.predict([1.0, 0, 0])), strict=True)
    )
    order = sorted(own, key=lambda name: -own[name])
    ranked = found.classify([1.0, 0, 0])
    assert ranked == [(name, pytest.approx(float(own[name]))) for name in order]
    middle = float(own[order[1]])
    (kept,) = found.classify([[1.0, 0, 0]], threshold=middle)
    assert [name for name, _ in kept] == order[:1], "those above it, and not at it"
    with pytest.raises(ValueError, match="threshold must be above 0 and below 1"):
        found.classify([1.0, 0, 0], threshold=1.5)
    jd.pack(tmp_path / "f", frozen, description={**about, "labels": "many"})
    with pytest.raises(ValueError, match="its labels are 'many'; a file may say 'sev"):
        jd.load(tmp_path / "f")
    plain = jd.data.in_memory({**arrays, "label": np.arange(2)}, classes=split.classes)
    assert "labels" not in jd.describe(model, data=plain)


def test_data_of_other_classes_are_refused():
    digits = jd.data.digits()
    with pytest.raises(ValueError, match="data have 10 classes, and the model 3"):
        jd.describe(jd.models.mlp(classes=3), data=digits)
    config = {"vocab": 9, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8}
    config |= {"max_steps": 8, "head": "classes", "labels": ("no", "yes")}
    model = jd.models.encoder(config)
    with pytest.raises(ValueError, match="data have 10 classes, and the model 2"):
        jd.describe(model, data=digits)
    assert jd.describe(model)["classes"] == ["no", "yes"]


def test_an_encoder_classifies_texts_between_its_own_tokens(tmp_path):
    tokenizer = bert(tmp_path)
    config = {"vocab": 10, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
    config |= {"max_steps": 6, "head": "classes", "labels": ("no", "yes")}
    model = jd.models.encoder(config)
    frozen = Frozen(*model.init(jax.random.key(0), {}))
    about = jd.describe(model, tokenizer=tokenizer)
    jd.pack(tmp_path / "f", frozen, description=about)
    found = jd.load(tmp_path / "f")
    batch = tokenizers.framed(tokenizer, ["the cat", "the cats sat. the cat"], steps=6)
    wanted = model.apply(*frozen, batch)[0].logits
    given = found.predict(["the cat", "the cats sat. the cat"])
    np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-6)
    assert {name for name, _ in found.classify("the cat")} == {"no", "yes"}
    for of_texts in (found.generate, found.score):
        with pytest.raises(ValueError, match="no model that writes texts, but 'enc"):
            of_texts("the cat")


def test_an_encoder_decoder_predicts_of_a_batch(tmp_path):
    config = {"vocab": 9, "dim": 8, "depth": 2, "heads": 2, "head_dim": 4}
    model = jd.models.encoder_decoder({**config, "mlp_dim": 8, "decoder_depth": 3})
    frozen = Frozen(*model.init(jax.random.key(0), {}))
    jd.pack(tmp_path / "f", frozen, description=jd.describe(model))
    batch = {"source": np.array([[3, 4, 1]]), "inputs": np.array([[0, 5]])}
    wanted = model.apply(*frozen, batch)[0].logits
    found = jd.load(tmp_path / "f")
    np.testing.assert_allclose(found.predict(batch), wanted, rtol=1e-5, atol=1e-6)
    parts = edits.opened((tmp_path / "f").read_bytes())
    for wrong in ({"depth": 10**9}, {"decoder_depth": 4}, {"buckets": 10**9}):
        config = parts.index["description"]["model"]["config"]
        changed = edits.opened((tmp_path / "f").read_bytes())
        changed.index["description"]["model"]["config"] = config | wrong
        (tmp_path / "g").write_bytes(edits.closed(changed))
        with pytest.raises(ValueError, match="/g: its model"):
            jd.load(tmp_path / "g")


def test_a_network_of_many_layers_that_are_not_there_is_refused(tmp_path):
    """Not even where an array without a number says that there are so many."""
    spec = {"name": "encoder_classifier", "classes": 3, "vocab": 50, "steps": 8}
    params = {"layers": {"attention_norm": {"scale": np.zeros((10**6, 0))}}}
    params["w"] = np.ones(200)
    about = {"model": {**spec, "depth": 10**6}}
    jd.pack(tmp_path / "f", Frozen(params), description=about)
    with pytest.raises(ValueError, match="depth=1000000, which its 200"):
        jd.load(tmp_path / "f")


def test_pixels_are_scaled_as_those_of_the_data_set(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 5, 4)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", inputs=pixels, label=np.arange(300) % 2)
    data = jd.data.npz(tmp_path / "x.npz")
    model = jd.models.mlp(widths=(), classes=2)
    batch = data.prepare(pixels[:3])
    frozen = Frozen(*model.init(jax.random.key(0), batch))
    about = jd.describe(model, data=data)
    assert about["prepare"] == {"name": "scale"}
    jd.pack(tmp_path / "f", frozen, description=about)
    wanted, found = model.apply(*frozen, batch)[0].logits, jd.load(tmp_path / "f")
    for given in (pixels[:3], list(pixels[:3]), batch["inputs"]):
        np.testing.assert_allclose(found.predict(given), wanted, atol=1e-6)
    np.testing.assert_allclose(found.predict(pixels[0]), wanted[0], atol=1e-6)
    np.savez(tmp_path / "x.npz", inputs=pixels / 255, label=np.arange(300) % 2)
    about = jd.describe(model, data=jd.data.npz(tmp_path / "x.npz"))
    assert "prepare" not in about


READER = tokenizers.from_json(unigram(40).to_str())
T5 = EncoderDecoderConfig(
    vocab=44, dim=8, depth=2, heads=2, head_dim=4, mlp_dim=12, words=40
)


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """A file of a model that reads a source, and its variables."""
    model = encoder_decoder(T5)
    params, _ = model.init(jax.random.key(0), {})
    path = tmp_path_factory.mktemp("reads") / "t5.safetensors"
    jd.pack(path, Frozen(params), description=jd.describe(model, tokenizer=READER))
    return path, model, Frozen(params)


def test_a_model_that_reads_a_source_writes_about_it(reads):
    path, model, frozen = reads
    found, texts = jd.load(path), ["the cat", "cats"]
    alone = []
    for text in texts:
        batch = {"source": READER.frame(text)[0][None], "inputs": np.zeros((1, 1), int)}
        written = language.generate(
            model,
            frozen,
            batch,
            key=jax.random.key(0),
            steps=6,
            choose=language.greedy,
            stop=READER.ends,
        )
        ids = np.asarray(written.tokens)[0, : int(written.lengths[0])]
        assert ids.max() < 40
        alone.append(READER.decode(ids))
    assert READER.ends == (1,)
    assert found.generate(texts, steps=6) == alone == [*map(found_one(found), texts)]
    batch = {"source": READER.frame("cats")[0][None], "inputs": np.zeros((1, 1), int)}
    wanted = model.apply(frozen.params, {}, batch)[0].logits[0]
    np.testing.assert_allclose(found.predict("cats"), wanted, rtol=1e-4, atol=1e-4)


def found_one(found):
    return lambda text: found.generate(text, steps=6)


def test_a_model_that_reads_a_source_is_scored_on_texts_about_sources(reads):
    path, model, frozen = reads
    found, sources, texts = jd.load(path), ["the cat", "cats"], ["cat", "the cats"]
    windows = jd.data.paired(READER, sources, texts, start=0)
    wanted = language.figures(model, frozen, windows)
    row = found.score(texts, sources=sources)
    assert row["bits_per_byte"] == pytest.approx(wanted["bits_per_byte"], rel=1e-5)
    assert row["targets"] == wanted["targets"]
    one = found.score(texts[0], sources=sources[0])
    assert one["documents"] == 1
    with pytest.raises(ValueError, match=r"reads a source: score\(texts, sources="):
        found.score(texts)


def test_a_decoder_reads_no_source(packed):
    with pytest.raises(ValueError, match=r"reads no source: score\(texts\)"):
        jd.load(packed[0]).score(["the cat"], sources=["the cat"])
