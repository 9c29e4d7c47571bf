import contextlib
import functools
import socket
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jdistill as jd
from jdistill.predictor import load
from jdistill.predictor._network import NETWORKS
from jdistill.predictor._prepare import PREPARATIONS
from tests.reliability import edits


def packed(path, description, *, activations=None):
    spec = {"classes": 3, "num_buckets": 50, "dim": 4}
    model = jd.models.ngram_classifier(**spec)
    tokens = jd.data.hashed_ngrams(num_buckets=50, max_length=8)(())
    batch = tokens.prepare(["a red fox", "blue"])
    params, state = jax.jit(model.init)(jax.random.key(0), batch)
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
    with pytest.raises(
        ValueError, match=r"your own is passed again, load\(path, model="
    ):
        load(tmp_path / "f")
    packed(tmp_path / "f", {})
    with pytest.raises(
        ValueError, match=r"holds: pack it with .*describe\(model\), or"
    ):
        load(tmp_path / "f")


@functools.cache
def watch():
    """What this process opens, connects to or runs, while `seen` is not None."""
    watched = {"seen": None}
    kinds = ("open", "socket", "os.", "subprocess", "shutil", "urllib")

    def hook(event, args):
        if watched["seen"] is not None and event.startswith(kinds):
            watched["seen"].append((event, str(args[0]) if args else ""))

    sys.addaudithook(hook)
    return watched


def others(namespace, allowed):
    return [name for name in namespace.__all__ if name not in allowed]


PATHS = {"path": "/tmp/there", "split": "/tmp/x", "name": "mnist", "data_dir": "/tmp/x"}
HOSTILE = {
    **{f"data.{n}": {"prepare": {"name": n}} for n in others(jd.data, PREPARATIONS)},
    **{f"models.{n}": {"model": {"name": n}} for n in others(jd.models, NETWORKS)},
    "a data set to fetch": {"prepare": {**PATHS, "name": "tfds"}},
    "a path to read": {"prepare": {**PATHS, "name": "load_cache"}},
    "a path to write": {"prepare": {**PATHS, "name": "save_cache"}},
    "a name that is none": {"prepare": {"name": ["hashed_ngrams"]}},
    "no dictionary": {"model": "mlp"},
    "a number": {"prepare": 3},
    "pixels and more": {"prepare": {"name": "scale", "inputs": [1]}},
    "inputs that are none": {"inputs": {"shape": [-1], "dtype": "float32"}},
    "more steps than any text": {"prepare": WORDS | {"max_length": 10**12}},
    "endless n-grams": {"prepare": WORDS | {"words": [10**12]}},
    "very many n-grams": {"prepare": WORDS | {"words": [1] * 10**5}},
    "no n-grams": {"prepare": WORDS | {"words": 1}},
    "buckets beyond all numbers": {"prepare": WORDS | {"num_buckets": 10**30}},
    "an argument too many": {"prepare": WORDS | {"path": 3}},
    "a huge layer": {"model": SPEC | {"dim": 10**12}},
    "very many layers": {"model": SPEC | {"hidden": [4] * 10**5}},
    "another layer": {"model": SPEC | {"hidden": [4]}},
    "a smaller layer": {"model": SPEC | {"dim": 3}},
    "another network": {"model": {"name": "mlp", "classes": 3}},
    "an endless network": {"model": {"name": "resnet", "classes": 3, "depth": 6002}},
    "a deep encoder": {
        "model": {"name": "encoder_classifier", "classes": 3, "vocab": 50, "steps": 8,
                  "depth": 10**6},
    },
    "a wide transformer": {"model": {"name": "vit", "classes": 3, "dim": 4 * 10**9}},
    "a rate that is a text": {"model": SPEC | {"dropout": "x"}},
    "a size that is a text": {"model": SPEC | {"dim": "4"}},
    "a network in a network": {"model": SPEC | {"hidden": [{"name": "mlp"}]}},
    "two names for three classes": {"classes": ["x", "y"]},
    "numbers for names": {"classes": [1, 2, 3]},
    "a number for all names": {"classes": 3},
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "student.safetensors"
    packed(path, {"model": SPEC, "classes": ["x", "y", "z"], "prepare": WORDS})
    load(path)  # what is imported late is imported, also for what a checker says
    with contextlib.suppress(TypeError, ValueError):
        jd.models.mlp(classes=3, dropout="x")
    return path.read_bytes()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_description_is_refused_and_reads_only_its_file(
    tmp_path, original, name
):
    path = tmp_path / "student.safetensors"
    parts = edits.opened(original)
    parts.index["description"] |= HOSTILE[name]
    path.write_bytes(edits.closed(parts))
    watched = watch()
    watched["seen"] = seen = []
    try:
        with pytest.raises(ValueError, match=r"student\.safetensors") as caught:
            load(path)
    finally:
        watched["seen"] = None
    assert "\n" not in str(caught.value)
    if name.startswith(("data.", "models.")) and name != "data.bpe":
        assert "a file may name" in str(caught.value)
    # the type checker imports late, and tests keep compiled programs on disk
    ours = (sys.prefix, sys.base_prefix, jax.config.jax_compilation_cache_dir)
    opened = {args for _, args in seen if not args.startswith(ours)}
    assert opened <= {str(path)}, seen


def test_the_watch_sees_what_is_opened(tmp_path):
    watched = watch()
    watched["seen"] = seen = []
    (tmp_path / "a").touch()
    socket.socket().close()
    watched["seen"] = None
    assert {event.split(".")[0] for event, _ in seen} >= {"open", "socket"}


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ({"name": "mlp", "widths": [5]}, (4, 3)),
        ({"name": "mlp", "widths": []}, (4, 3)),
        ({"name": "lenet_300_100"}, (4, 5)),
        ({"name": "cnn", "widths": [4, 6, 8], "hidden": 5}, (9, 7, 3)),
        ({"name": "cnn", "widths": [4], "hidden": 5}, (8, 8, 1)),
        ({"name": "lenet5"}, (16, 20, 2)),
        ({"name": "lenet5"}, (28, 28, 1)),
        ({"name": "resnet", "depth": 8, "width": 4}, (9, 7, 3)),
        ({"name": "vit", "patch": 2, "dim": 8, "depth": 1}, (4, 6, 1)),
    ],
)
def test_every_network_of_the_list_is_loaded_from_its_file(tmp_path, spec, shape):
    path, spec = tmp_path / "f", spec | {"classes": 3}
    model = jd.build(jd.models, spec)
    batch = {"inputs": jnp.ones((2, *shape))}
    made = jax.eval_shape(model.init, jax.random.key(0), batch)
    params, state = jax.tree.map(lambda x: np.full(x.shape, 0.5, x.dtype), made)
    encoded = jd.compress.identity().encode(params, (), ())
    jd.pack(path, encoded, state, description={"model": spec})
    found = load(path)
    assert jd.tree.count(found.frozen) == jd.tree.count(params) + jd.tree.count(state)
    if len(shape) == 2:
        wanted = model.apply(params, state, batch)[0].logits
        np.testing.assert_array_equal(found.predict(batch["inputs"]), wanted)


def test_an_encoder_is_loaded_from_its_file(tmp_path):
    spec = {"name": "encoder_classifier", "classes": 3, "vocab": 50, "steps": 8}
    spec |= {"dim": 8, "depth": 1}
    model = jd.build(jd.models, spec)
    batch = jd.data.hashed_ngrams(num_buckets=50, max_length=8)(()).prepare(["a b"])
    params, state = jax.jit(model.init)(jax.random.key(0), batch)
    encoded = jd.compress.identity().encode(params, (), ())
    about = {"model": spec, "prepare": WORDS}
    jd.pack(tmp_path / "f", encoded, state, description=about)
    wanted = model.apply(params, state, batch)[0].logits
    np.testing.assert_array_equal(load(tmp_path / "f").predict(["a b"]), wanted)


def test_a_file_larger_than_it_should_be_needs_max_bytes(tmp_path):
    model = jd.models.mlp(classes=2, widths=())
    zeros = jax.tree.map(
        lambda x: np.zeros(x.shape, x.dtype),
        jax.eval_shape(
            model.init, jax.random.key(0), {"inputs": np.ones((1, 3 * 10**6))}
        ),
    )
    about = {"model": {"name": "mlp", "classes": 2, "widths": []}}
    encoded = jd.compress.identity().encode(zeros[0], (), ())
    jd.pack(tmp_path / "f", encoded, description=about)
    with pytest.raises(ValueError, match="pass max_bytes="):
        load(tmp_path / "f")
    assert load(tmp_path / "f", max_bytes=10**8).frozen.params
