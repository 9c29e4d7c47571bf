"""Arrays in NumPy's files: labels of every kind, and what is refused."""

import numpy as np
import pytest

from jdistill import data

POINTS = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def whole(dataset, key):
    return np.concatenate([part.arrays[key] for part in dataset[:3]])


def order(dataset):
    """Which row of POINTS each example is."""
    found = whole(dataset, "inputs")
    return [int(np.flatnonzero((x == POINTS).all(1))[0]) for x in found]


def test_arrays_keep_their_labels_and_weights(tmp_path):
    label, weight = np.arange(90) % 3, np.linspace(0, 1, 90)
    path = save(tmp_path / "a.npz", inputs=POINTS, label=label, w=weight)
    made = data.npz(path, weight="w", classes=("x", "y", "z"))
    rows = order(made)
    assert sorted(rows) == list(range(90))
    np.testing.assert_array_equal(whole(made, "label"), label[rows])
    np.testing.assert_allclose(whole(made, "weight"), weight[rows], rtol=1e-6)


def test_a_negative_label_is_none(tmp_path):
    label = np.arange(90) % 3 - 1
    made = data.npz(save(tmp_path / "a.npz", inputs=POINTS, label=label))
    assert made.train.classes == ("0", "1")
    np.testing.assert_array_equal(whole(made, "label_mask"), label[order(made)] >= 0)


@pytest.mark.parametrize("kind", [bool, np.int64, np.float64])
def test_columns_of_labels_are_several_classes(tmp_path, kind):
    label = np.random.default_rng(1).integers(2, size=(90, 4)).astype(kind)
    made = data.npz(save(tmp_path / "a.npz", inputs=POINTS, label=label))
    assert whole(made, "label").dtype == np.float32
    np.testing.assert_array_equal(whole(made, "label"), label[order(made)])


def test_bytes_are_scaled_alike_for_training_and_for_prediction(tmp_path):
    images = np.random.default_rng(2).integers(256, size=(90, 4, 4, 1), dtype=np.uint8)
    path = save(tmp_path / "a.npz", inputs=images, label=np.arange(90) % 2)
    made = data.npz(path)
    again = made.prepare(images[:3, ..., 0])["inputs"]
    np.testing.assert_array_equal(again, images[:3] / np.float32(255))
    assert whole(made, "inputs").max() <= 1
    with pytest.raises(ValueError, match=r"examples are \[batch, 4, 4, 1\]"):
        made.prepare(images[:, :3])


HALVES = np.arange(90) % 2
FAR = np.where(POINTS > 2, np.inf, POINTS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": POINTS}, "no array 'label'; there are inputs"),
        ({"inputs": POINTS, "label": np.arange(3)}, "differ in size"),
        ({"inputs": POINTS, "label": np.full(90, {})}, "pickle"),
        ({"inputs": POINTS, "label": np.full((90, 2), 1.5)}, "from 0 to 1"),
        (
            {
                "inputs": np.where(POINTS > 2, np.inf, POINTS),
                "label": np.arange(90) % 2,
            },
            "not finite",
        ),
    ],
)
def test_arrays_that_are_no_examples_are_refused(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        data.npz(save(tmp_path / "a.npz", **arrays))


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(ValueError, match=r"a\.npz is none of the files that numpy"):
        data.npz(tmp_path / "a.npz")
    np.save(tmp_path / "b.npy", POINTS)
    with pytest.raises(ValueError, match=r"b\.npy is none"):
        data.npz(tmp_path / "b.npy")


def test_inputs_have_the_type_that_jax_gives_them(tmp_path):
    label = np.arange(90) % 3
    for dtype, wanted in ((np.float64, np.float32), (np.int64, np.int32)):
        inputs = (POINTS * 10).astype(dtype)
        made = data.npz(save(tmp_path / "a.npz", inputs=inputs, label=label))
        assert made.train.arrays["inputs"].dtype == wanted
        assert made.prepare(inputs)["inputs"].dtype == wanted


def test_a_small_file_of_much_memory_is_refused_before_it_is_unfolded(
    tmp_path, monkeypatch
):
    path = tmp_path / "x.npz"
    inputs = np.zeros((9000, 1000))
    inputs[:, 0] = np.arange(9000)
    np.savez_compressed(path, inputs=inputs, label=np.arange(9000) % 2)
    assert data.npz(path).train.size
    monkeypatch.setattr("jdistill.files.FREE_BYTES", 2**20)
    said = r"x.npz: its arrays take 72\d+ bytes, more than \d+: write it anew"
    with pytest.raises(ValueError, match=said):
        data.npz(path)
