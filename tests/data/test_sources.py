"""Splits from any random-access source of dictionaries."""

import numpy as np
import pytest

from jdistill.data import _sources

COLUMNS = _sources.Columns("image", "label", ("a", "b"))


class Source:
    """What an array_record data source looks like."""

    def __init__(self, images, labels):
        self.rows = [
            {"image": x, "label": y} for x, y in zip(images, labels, strict=True)
        ]
        self.reads = 0

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, indices):
        self.reads += 1
        return [self.rows[i] for i in indices]


@pytest.fixture
def source():
    images = np.arange(12, dtype=np.uint8).reshape(6, 2, 1) * 20
    return Source(images, [0, 1, 0, 1, 1, 0])


def test_pixels_are_scaled_and_other_numbers_kept():
    ends = np.array([0, 255], np.uint8), np.array([0, 65535], np.uint16)
    for pixels in ends:
        assert _sources.scale(pixels).tolist() == [0, 1]
    assert _sources.scale(np.array([-3.5])).tolist() == [-3.5]


def test_streamed_and_loaded_splits_are_the_same(source, tmp_path):
    rows = np.array([4, 0, 3])
    whole = _sources.load(source, COLUMNS, folder=tmp_path, name="train")
    loaded = _sources.loaded_split(whole, rows, COLUMNS, name="train")
    streamed = _sources.streamed_split(source, rows, COLUMNS, name="train")
    assert loaded.size == streamed.size == 3 and streamed.arrays is None
    for indices in ([0, 1, 2], [2, 0], [1]):
        one, other = loaded.take(indices), streamed.take(indices)
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
            assert one[key].dtype == other[key].dtype


def test_a_source_is_decoded_once(source, tmp_path):
    first = _sources.load(source, COLUMNS, folder=tmp_path, name="train")
    reads = source.reads
    second = _sources.load(source, COLUMNS, folder=tmp_path, name="train")
    assert source.reads == reads
    np.testing.assert_array_equal(first["inputs"], second["inputs"])


def test_a_bad_label_is_named_when_a_split_is_loaded(tmp_path):
    source = Source(np.zeros((2, 1), np.uint8), [0, 5])
    whole = _sources.load(source, COLUMNS, folder=tmp_path, name="x")
    with pytest.raises(ValueError, match="train, example 1: label 5 is not one of"):
        _sources.loaded_split(whole, [0, 1], COLUMNS, name="train")


def test_a_bad_label_is_named_when_a_streamed_example_is_taken():
    source = Source(np.zeros((3, 1), np.uint8), [0, 0, 5])
    split = _sources.streamed_split(source, [2, 1], COLUMNS, name="train")
    with pytest.raises(ValueError, match="train, example 0: label 5 is not one of"):
        split.take([1, 0])


def test_inputs_of_several_shapes_are_refused():
    source = Source([np.zeros(2), np.zeros(3)], [0, 1])
    with pytest.raises(ValueError, match=r"'image' differ in shape \(\[\(2,\), \(3,\)"):
        _sources.read_rows(source, [0, 1], COLUMNS, "train")


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_blocks_cut_a_train_split_in_two(fold):
    train, valid = _sources.blocks(10, fold=fold, block=3)
    assert sorted([*train, *valid]) == list(range(10))
    assert valid.tolist() == list(range(7 - 3 * fold, 10 - 3 * fold))


@pytest.mark.parametrize("fold, block", [(3, 3), (-1, 3), (0, 10), (0, 0)])
def test_a_block_that_is_not_there_is_refused(fold, block):
    with pytest.raises(ValueError, match=f"fold {fold} of {block} examples"):
        _sources.blocks(10, fold=fold, block=block)
