import jax
import numpy as np
import pytest

import jdistill as jd
from jdistill.predictor import load


def packed(path, description, *, activations=None):
    spec = {"classes": 3, "num_buckets": 50, "dim": 4}
    model = jd.models.ngram_classifier(**spec)
    tokens = jd.data.hashed_ngrams(num_buckets=50, max_length=8)(())
    batch = tokens.prepare(["a red fox", "blue"])
    params, state = model.init(jax.random.key(0), batch)
    compression = jd.compress.fake_quant(where=".*")
    learned, compressed = compression.init(params)
    applied = compression.apply(params, learned, compressed)
    encoded = compression.encode(params, learned, compressed)
    jd.pack(path, encoded, state, description=description, activations=activations)
    return model.apply(applied, state, batch)[0].logits


SPEC = {"name": "ngram_classifier", "classes": 3, "num_buckets": 50, "dim": 4}
WORDS = {"name": "hashed_ngrams", "num_buckets": 50, "max_length": 8}


def test_a_file_predicts_what_its_model_predicted(tmp_path):
    path = tmp_path / "student.safetensors"
    says = {"model": SPEC, "classes": ["x", "y", "z"], "prepare": WORDS}
    wanted = packed(path, says)
    student = load(path)
    np.testing.assert_array_equal(student.predict(["a red fox", "blue"]), wanted)
    assert student.classes == ("x", "y", "z")


def test_activations_of_the_file_are_rounded(tmp_path):
    path = tmp_path / "student.safetensors"
    says = {"model": SPEC, "prepare": WORDS}
    coarse = {"Dense_0/kernel": np.float32(1.0)}
    plain = packed(path, says, activations=coarse)
    found = load(path).predict(["a red fox", "blue"])
    assert not np.allclose(found, plain)
    np.testing.assert_array_equal(found[0], found[1])  # both round to nothing but bias


def test_a_file_without_a_model_is_refused(tmp_path):
    packed(tmp_path / "f", {"classes": ["x"]})
    with pytest.raises(ValueError, match="lacks 'model'"):
        load(tmp_path / "f")
