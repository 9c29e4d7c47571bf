"""One example and several, of texts, images, numbers and ids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jdistill as jd
from jdistill.predictor._examples import Inputs, inputs_of, reader
from jdistill.typing import Frozen

DRAW = np.random.default_rng(0)


def loaded(path, model, batch, about=None):
    frozen = Frozen(*jax.jit(model.init)(jax.random.key(0), batch))
    jd.pack(path, frozen, description={**jd.describe(model), **(about or {})})
    found = jd.load(path)
    return found, lambda batch: model.apply(*frozen, batch)[0].logits


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    model = jd.models.ngram_classifier(classes=3, num_buckets=50, dim=4)
    prepare = {"name": "hashed_ngrams", "num_buckets": 50, "max_length": 8}
    batch = jd.data.hashed_ngrams(num_buckets=50, max_length=8)(()).prepare(["a b"])
    path = tmp_path_factory.mktemp("texts") / "f"
    more = {"prepare": prepare, "classes": ["x", "y", "z"]}
    return loaded(path, model, batch, more)[0]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    digits = jd.data.digits()
    model = jd.models.resnet(depth=8, width=4, classes=10)
    batch = digits.test.take(np.arange(4))
    path = tmp_path_factory.mktemp("images") / "f"
    found = loaded(path, model, batch, jd.describe(model, data=digits))[0]
    return found, batch["inputs"]


def test_one_text_has_one_answer_and_a_list_one_each(texts):
    one, several = texts.predict("a red fox"), texts.predict(["a red fox", "b"])
    assert one.shape == (3,) and several.shape == (2, 3)
    np.testing.assert_array_equal(one, several[0])
    for many in (np.array(["a red fox", "b"]), ("a red fox", "b"), iter(["a red fox"])):
        np.testing.assert_array_equal(texts.predict(many)[0], one)


def test_classes_come_with_their_probabilities_the_likeliest_first(texts):
    one = texts.classify("a red fox")
    shares = jax.nn.softmax(texts.predict("a red fox"))
    order = np.argsort(-shares)
    assert [name for name, _ in one] == [("x", "y", "z")[i] for i in order]
    np.testing.assert_allclose([share for _, share in one], shares[order], rtol=1e-6)
    several = texts.classify(["a red fox", "b"], top=2)
    assert several[0] == one[:2] and len(several[1]) == 2


def test_without_names_a_class_is_its_number(tmp_path):
    model = jd.models.mlp(widths=(), classes=2)
    found, _ = loaded(tmp_path / "f", model, {"inputs": np.ones((1, 3))})
    assert {name for name, _ in found.classify(np.ones(3))} == {0, 1}


def test_one_image_has_one_answer_with_or_without_its_channel(images):
    found, inputs = images
    several = found.predict(inputs)
    assert several.shape == (4, 10)
    for image in (inputs[1], inputs[1, :, :, 0], inputs[1].astype(np.float64).tolist()):
        np.testing.assert_allclose(found.predict(image), several[1], atol=1e-5)
    for many in (inputs[:, :, :, 0], list(inputs), {"inputs": inputs}):
        np.testing.assert_array_equal(found.predict(many), several)
    assert found.predict(np.ones((12, 9, 1))).shape == (10,)  # of another size
    assert found.predict(np.ones((2, 12, 9, 1))).shape == (2, 10)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_a_file_that_says_little_are_told_apart_by_their_axes(
    tmp_path, channels
):
    model = jd.models.resnet(depth=8, width=4, classes=2)
    inputs = DRAW.normal(size=(3, 8, 9, channels)).astype(np.float32)
    found, wanted = loaded(tmp_path / "f", model, {"inputs": jnp.asarray(inputs)})
    several = wanted({"inputs": jnp.asarray(inputs)})
    np.testing.assert_array_equal(found.predict(inputs), several)
    np.testing.assert_allclose(found.predict(inputs[0]), several[0], atol=1e-5)
    if channels == 1:
        np.testing.assert_array_equal(found.predict(inputs[..., 0]), several)
        assert found.predict(inputs[0, ..., 0]).shape == (2,)


@pytest.mark.parametrize(
    ("shape", "answer"),
    [((4,), (2,)), ((2, 2), (2,)), ((1, 4), (1, 2)), ((3, 4), (3, 2)),
     ((3, 2, 2), (3, 2)), ((4, 1), (2,))],
)  # fmt: skip
def test_numbers_in_any_shape_are_told_apart_by_how_many_there_are(
    tmp_path, shape, answer
):
    model = jd.models.mlp(widths=(3,), classes=2)
    found, _ = loaded(tmp_path / "f", model, {"inputs": np.ones((1, 4))})
    assert found.predict(np.ones(shape)).shape == answer


def test_ids_of_several_lengths_stand_side_by_side(texts):
    batch = {"inputs": np.array([[3, 4, 5], [6, 0, 0]])}
    batch["token_mask"] = np.array([[1.0, 1, 1], [1, 0, 0]])
    wanted = texts.predict(batch)
    np.testing.assert_allclose(texts.predict([[3, 4, 5], [6]]), wanted, rtol=1e-6)
    np.testing.assert_allclose(texts.predict([3, 4, 5]), wanted[0], rtol=1e-6)
    np.testing.assert_allclose(texts.predict(np.array([[6]])), wanted[1:], rtol=1e-6)


BAD = {
    "a text of no words": (" \n", ValueError, "example 0: the text is empty"),
    "one such of several": (["a", ""], ValueError, "example 1: the text is empty"),
    "nothing": ([], ValueError, "there are no examples"),
    "no rows": (np.zeros((0, 3), np.int32), ValueError, "there are no examples"),
    "a number among texts": (["a", 3], TypeError, "example 1 is an int, and others t"),
    "fractions for ids": ([[1.5]], TypeError, "reads whole numbers .*, got float64"),
    "a fraction in a longer row": ([[1], [1.5, 2.0]], TypeError, "whole numbers"),
    "nothing at all": (None, TypeError, "must be numbers or texts, got object"),
    "too many axes": (np.ones((1, 1, 1), int), ValueError, r"of shape \[\?\], and sev"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_example_is_one_line_that_names_the_file(texts, name):
    examples, kind, said = BAD[name]
    for ask in (texts.predict, texts.classify):
        with pytest.raises(kind, match=f"/f: .*{said}") as caught:
            ask(examples)
        assert "\n" not in str(caught.value)


BAD_IMAGES = {
    "bytes": (np.ones((8, 8), np.uint8), TypeError, "got uint8: scale bytes"),
    "a text": ("a", ValueError, "are .*8, 8, 1.*, not texts: an image that is"),
    "two sizes": ([np.ones((8, 8)), np.ones((9, 9))], ValueError, "differ in shape"),
    "a row": (np.ones(64), ValueError, r"of shape \[8, 8, 1\].*got \[64\]"),
    "colours": (np.ones((2, 8, 8, 3)), ValueError, r"\[2, 8, 8, 3\] the network has"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_what_is_no_image_is_one_line_that_names_the_file(images, name):
    examples, kind, said = BAD_IMAGES[name]
    with pytest.raises(kind, match=f"/f: .*{said}") as caught:
        images[0].predict(examples)
    assert "\n" not in str(caught.value)


def test_what_is_shown_of_a_file_is_short(texts, images):
    size = texts.bytes
    said = f"Loaded(ngram_classifier, 3 classes (x, y, z), 265 parameters, {size:,} b"
    assert repr(texts).startswith(said)
    assert "10 classes (0, 1, 2, ...)" in repr(images[0])


def test_classes_need_a_row_of_logits_for_each_example(tmp_path):
    config = {"vocab": 9, "dim": 4, "depth": 1, "heads": 1, "kv_heads": 1}
    config |= {"head_dim": 4, "mlp_dim": 8, "max_steps": 16}
    found, _ = loaded(tmp_path / "f", jd.models.decoder(config), {})
    assert found.predict([1, 2, 3]).shape == (3, 9)
    with pytest.raises(ValueError, match="classify needs a logit of each"):
        found.classify([1, 2, 3])
    with pytest.raises(ValueError, match="top must be a whole number from 1"):
        found.classify([1, 2, 3], top=0)


def test_hostile_inputs_are_refused():
    for says in (3, {}, {"shape": [3]}, {"shape": [-1], "dtype": "float32"},
                 {"shape": [True], "dtype": "int32"}, {"shape": [1], "dtype": "str"},
                 {"shape": [1] * 40, "dtype": "int32"}, {"shape": 3, "dtype": "int8"},
                 {"shape": [1], "dtype": "int8", "more": 1}):  # fmt: skip
        with pytest.raises(ValueError, match="its inputs are no shape and type"):
            inputs_of(says)
    assert inputs_of({"shape": [3], "dtype": "uint8"}) == Inputs((3,), whole=True)


def test_bytes_are_read_by_what_learned_from_bytes():
    batch, alone = reader(None, Inputs((2,), whole=True))(np.ones((3, 2), np.uint8))
    assert batch["inputs"].dtype == np.int32 and not alone
