"""Images and texts in a folder for each class."""

import sys

import numpy as np
import pytest
from PIL import Image

from jdistill import data

PIXELS = np.random.default_rng(0).integers(256, size=(30, 4, 5, 3), dtype=np.uint8)


def images(root, pixels=PIXELS, classes=("cat", "dog")):
    for i, one in enumerate(pixels):
        path = root / classes[i % len(classes)] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(path)
    return root


def whole(dataset, key):
    return np.concatenate([part.arrays[key] for part in dataset[:3]])


def test_images_have_the_label_of_their_folder(tmp_path):
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "0.png").write_bytes(b"no image")
    made = data.folder(images(tmp_path))
    assert made.train.classes == ("cat", "dog")
    found = np.rint(whole(made, "inputs") * 255).astype(np.uint8)
    rows = [int(np.flatnonzero((x == PIXELS).all((1, 2, 3)))[0]) for x in found]
    assert sorted(rows) == list(range(30))
    np.testing.assert_array_equal(whole(made, "label"), np.array(rows) % 2)


def test_images_become_grey_and_of_one_size_on_demand(tmp_path):
    made = data.folder(images(tmp_path), size=(6, 7), channels=1)
    assert made.train.take([0])["inputs"].shape == (1, 6, 7, 1)
    assert made.prepare(np.zeros((2, 6, 7), np.uint8))["inputs"].shape == (2, 6, 7, 1)


def test_an_image_stands_upright(tmp_path):
    root = images(tmp_path, PIXELS[:20])
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(PIXELS[20])))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 270 degrees counter-clockwise to display
    turned.save(root / "cat" / "turned.png", exif=exif)
    found = whole(data.folder(root), "inputs") * 255
    assert (np.rint(found) == PIXELS[20]).all((1, 2, 3)).any()


def test_texts_have_the_label_of_their_folder_and_files_outside_none(tmp_path):
    for i in range(40):
        path = tmp_path / ("", "ham", "spam")[i % 3] / f"{i}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"mail number {i}")
    made = data.folder(tmp_path, prepare=data.hashed_ngrams(num_buckets=50))
    assert made.train.classes == ("ham", "spam") and made.info["vocab"] == 50
    assert whole(made, "label_mask").sum() == 26


def test_folders_that_are_no_data_set_are_refused(tmp_path):
    root = images(tmp_path / "images")
    with pytest.raises(ValueError, match="is not a folder"):
        data.folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="channels must be one of 1, 3"):
        data.folder(root, channels=4)
    with pytest.raises(ValueError, match=r"each of size must be a whole number"):
        data.folder(root, size=(0, 3))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="neither images nor texts"):
        data.folder(tmp_path / "empty")
    Image.fromarray(PIXELS[0, :2]).save(root / "dog" / "99.png")
    with pytest.raises(ValueError, match=r"99\.png has \(2, 5\) pixels.*size="):
        data.folder(root)
    (root / "dog" / "99.png").write_bytes(b"\x89PNG and no more")
    with pytest.raises(ValueError, match=r"99\.png cannot be read as an image"):
        data.folder(root)
    (root / "dog" / "99.txt").write_text("a text")
    with pytest.raises(ValueError, match="both images and texts"):
        data.folder(root)


def test_a_text_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"a\.txt is no text in UTF-8"):
        data.folder(tmp_path)


def test_without_pillow_one_line_says_so(tmp_path, monkeypatch):
    root = images(tmp_path, PIXELS[:2])
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(
        ImportError, match=r"needs pillow: pip install .jdistill\[data\]"
    ):
        data.folder(root)
