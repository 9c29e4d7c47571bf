"""Data sets of the catalogue as splits."""

import importlib.util
import io

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets

from jdistill import data

pytestmark = pytest.mark.filterwarnings("default")
NO_TENSORFLOW = importlib.util.find_spec("tensorflow") is None


class TinyShades(tensorflow_datasets.core.GeneratorBasedBuilder):
    """Grey squares: light or dark, as images and as texts."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")

    def _info(self):
        features = tensorflow_datasets.features
        return self.dataset_info_from_configs(
            features=features.FeaturesDict(
                {
                    "image": features.Image(shape=(2, 2, 1)),
                    "text": features.Text(),
                    "shade": features.ClassLabel(names=["dark", "light"]),
                    "value": features.Scalar(np.int64),
                }
            ),
            supervised_keys=("image", "shade"),
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(50),
            "test": self._generate_examples(7),
        }

    def _generate_examples(self, size):
        for i in range(size):
            image = io.BytesIO()
            PIL.Image.new("L", (2, 2), 255 * (i % 2)).save(image, "PNG")
            image.seek(0)
            text = f"number {i} is {'light' if i % 2 else 'dark'}"
            yield i, {"image": image, "text": text, "shade": i % 2, "value": i}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def test_images_are_scaled_and_keep_their_labels(folder, alone):
    built = data.tfds("tiny_shades", data_dir=folder)
    assert (built.train.size, built.valid.size, built.test.size) == (45, 5, 7)
    for split in built[:3]:
        assert split.classes == ("dark", "light")
        assert split.arrays["inputs"].shape == (split.size, 2, 2, 1)
        light = split.arrays["inputs"].mean(axis=(1, 2, 3))
        np.testing.assert_array_equal(light, split.arrays["label"])


def test_a_split_too_large_for_memory_is_streamed_alike(folder, alone):
    loaded = data.tfds("tiny_shades", data_dir=folder).train
    streamed = data.tfds("tiny_shades", data_dir=folder, max_bytes=1).train
    assert streamed.arrays is None
    for key, values in streamed.take([40, 3]).items():
        np.testing.assert_array_equal(values, loaded.arrays[key][[40, 3]])


def test_folds_take_other_blocks_for_valid(folder, alone):
    built = [data.tfds("tiny_shades", data_dir=folder, fold=f) for f in (0, 1)]
    labels = [np.concatenate([s.arrays["label"] for s in b[:2]]) for b in built]
    assert labels[0].sum() == labels[1].sum() == 25
    assert built[0].info["fold"] == 0 and built[1].info["fold"] == 1


def test_other_columns_can_be_chosen(folder, alone):
    columns = ("text", "shade")
    built = data.tfds("tiny_shades", data_dir=folder, columns=columns)
    assert built.train.arrays["token_mask"].shape == built.train.arrays["inputs"].shape
    assert built.info["vocab"] == 8192


@pytest.mark.parametrize(
    "kw, message",
    [
        ({"columns": ("image", "value")}, "'value' is no class label.*'shade'"),
        ({"columns": ("picture", "shade")}, "pass columns=.*'image', 'shade'"),
        ({"prepare": data.hashed_ngrams()}, "prepare= is for texts"),
        ({"fold": 99}, "fold 99 of 5 examples"),
        ({"manual_dir": "/nowhere"}, "manual_dir '/nowhere' is not a folder"),
    ],
)
def test_what_cannot_be_read_is_refused(folder, alone, kw, message):
    with pytest.raises(ValueError, match=message):
        data.tfds("tiny_shades", data_dir=folder, **kw)


@pytest.mark.realdata
def test_mnist_is_read_from_its_original_files(data_folder, cache_folder):
    prepared = (cache_folder / "registered" / "mnist").is_dir()
    if NO_TENSORFLOW and not prepared:
        pytest.skip("preparing MNIST once needs pip install 'jdistill[tfds]'")
    built = data.tfds("mnist")
    assert built.info["sizes"] == {"train": 55000, "valid": 5000, "test": 10000}
    assert built.info["registered"] and built.train.classes == tuple("0123456789")
    inputs = built.test.arrays["inputs"]
    assert inputs.shape == (10000, 28, 28, 1) and inputs.dtype == np.float32
    assert (inputs.min(), inputs.max()) == (0, 1)
    counts = np.bincount(built.test.arrays["label"])
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
