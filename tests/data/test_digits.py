"""The embedded images."""

import numpy as np
import pytest
import sklearn.datasets

from jdistill import data


def test_all_images_are_in_one_part_each():
    parts = data.digits(fold=2)[:3]
    rows = np.concatenate([p.arrays["inputs"].reshape(-1, 64) for p in parts])
    wanted = sklearn.datasets.load_digits().data / 16
    order = [np.lexsort(x.T) for x in (rows, wanted)]
    np.testing.assert_array_equal(rows[order[0]], wanted[order[1]])


def test_images_keep_their_labels():
    bunch = sklearn.datasets.load_digits()
    images = map(bytes, bunch.images.astype(np.uint8))
    labels = dict(zip(images, bunch.target, strict=True))
    arrays = data.digits().train.arrays
    for image, label in zip(arrays["inputs"], arrays["label"], strict=True):
        assert labels[bytes((image * 16).astype(np.uint8))] == label


def test_prediction_prepares_images_like_training():
    images = sklearn.datasets.load_digits().images[:5]
    prepared = data.digits().prepare(images)["inputs"]
    assert prepared.shape == (5, 8, 8, 1) and prepared.dtype == np.float32
    np.testing.assert_array_equal(prepared[..., 0] * 16, images)


def test_info_says_what_the_parts_are():
    digits = data.digits(fold=3)
    assert digits.info["fold"] == 3
    assert sum(digits.info["sizes"].values()) == 1797
    assert digits.info["sizes"]["test"] == digits.test.size


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\[2, 28, 28\]"):
        data.digits().prepare(np.zeros((2, 28, 28)))


def test_a_fold_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"fold must be .* from 0 to 4, got 5"):
        data.digits(fold=5)
