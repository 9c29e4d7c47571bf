"""Folds by hash, and what is refused when a split is built."""

import numpy as np
import pytest

from jdistill.data import _splits

HASHES = _splits.digests(b"%d" % i for i in range(5000))


def split(inputs, label, classes=("a", "b")):
    batch = {"inputs": np.asarray(inputs), "label": np.asarray(label)}
    return _splits.in_memory(batch, classes=classes, name="train")


def test_a_hash_is_the_same_in_every_process_and_version():
    golden = [[1650436784320726972, 3534602986188472623]]
    assert _splits.digests([b"jdistill"]).tolist() == golden


@pytest.mark.parametrize("num_folds", [2, 5])
def test_parts_of_a_fold_are_disjoint_and_cover_all_examples(num_folds):
    for fold in range(num_folds):
        parts = _splits.folds(HASHES, fold=fold, num_folds=num_folds)
        assert sorted(np.concatenate(parts)) == list(range(5000))


def test_test_parts_of_all_folds_are_disjoint_and_cover_all_examples():
    tests = [_splits.folds(HASHES, fold=f, num_folds=5).test for f in range(5)]
    assert sorted(np.concatenate(tests)) == list(range(5000))


def test_parts_have_the_sizes_one_asks_for():
    parts = _splits.folds(HASHES, fold=1, num_folds=5, valid_part=0.1)
    assert [len(p) for p in parts] == pytest.approx([3600, 400, 1000], rel=0.1)


def test_whether_an_example_is_valid_does_not_depend_on_the_fold():
    parts = [_splits.folds(HASHES, fold=f, num_folds=5) for f in range(2)]
    for this, other in (parts, parts[::-1]):
        shared = np.intersect1d(this.valid, np.concatenate(other[:2]))
        assert np.isin(shared, other.valid).all()


def test_equal_examples_are_in_the_same_part():
    hashes = _splits.digests([b"same"] * 10)
    sizes = sorted(len(p) for p in _splits.folds(hashes, fold=0, num_folds=5))
    assert sizes == [0, 0, 10]


@pytest.mark.parametrize("fold, num_folds", [(-1, 5), (5, 5), (0, 1)])
def test_a_fold_that_is_not_there_is_refused(fold, num_folds):
    with pytest.raises(ValueError, match=r"fold.* must be a whole number"):
        _splits.folds(HASHES, fold=fold, num_folds=num_folds)


@pytest.mark.parametrize("part", [0.0, 1.0])
def test_a_valid_part_that_leaves_nothing_is_refused(part):
    with pytest.raises(ValueError, match="valid_part"):
        _splits.folds(HASHES, fold=0, num_folds=5, valid_part=part)


def test_taking_gives_the_rows_of_every_array_in_any_order():
    rows = split(np.arange(6).reshape(3, 2), [0, 1, 0]).take([2, 0, 2])
    assert rows["inputs"].tolist() == [[4, 5], [0, 1], [4, 5]]
    assert rows["id"].tolist() == [2, 0, 2]
    assert rows["label"].dtype == rows["id"].dtype == np.int32


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_named_with_its_example(label):
    message = f"train, example 1: label {label} is not one of the 2 classes"
    with pytest.raises(ValueError, match=message):
        split(np.zeros((3, 1)), [0, label, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_input_that_is_not_finite_is_named(value):
    with pytest.raises(ValueError, match="train, example 2: the inputs are not finite"):
        split([[0.0], [1.0], [value]], [0, 1, 1])


@pytest.mark.parametrize(
    "inputs, label, classes, message",
    [
        (np.zeros((2, 1)), [0, 0], ("a",), r"need 2 classes or more .* got \['a'\]"),
        (np.zeros((0, 1)), np.zeros(0, int), ("a", "b"), "no examples"),
        (np.zeros((3, 1)), [0, 1], ("a", "b"), "differ in size"),
        (np.zeros((2, 1)), [0.0, 1.0], ("a", "b"), "must be integers"),
        (np.zeros((2, 1)), [[0], [1]], ("a", "b"), "must be integers"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(inputs, label, classes, message):
    with pytest.raises(ValueError, match=message):
        split(inputs, label, classes)


def test_a_class_that_never_occurs_is_named():
    with pytest.raises(ValueError, match=r"no example of the classes \['b'\]"):
        _splits.check_classes([0, 2], classes=("a", "b", "c"), name="train")


def test_examples_without_labels_say_so_in_their_mask():
    found = _splits.in_memory({"inputs": np.ones((3, 2))})
    assert found.take([2])["label_mask"].tolist() == [0] and found.classes == ()
    with pytest.raises(ValueError, match=r"no 'label'.*Leave classes= out"):
        _splits.in_memory({"inputs": np.ones((3, 2))}, classes=("a", "b"))


def test_a_label_that_is_masked_may_be_anything():
    batch = {"inputs": np.ones((2, 1)), "label": np.array([0, -7])}
    mask = np.array([1.0, 0.0])
    found = _splits.in_memory({**batch, "label_mask": mask}, classes=("a", "b"))
    assert found.size == 2


@pytest.mark.parametrize(
    ("label", "classes", "message"),
    [
        (np.array([0.5, np.nan]), (), "example 1: label nan is not finite"),
        (np.array([0.5, 1.0]), ("a", "b"), "integers where classes are named"),
        (np.array([[0.5, 0.5], [0, 2]]), ("a", "b"), r"example 1: label .* from 0 to"),
        (np.ones((2, 3)), ("a", "b"), "a column for each of the 2 classes"),
        (np.ones((2, 1, 2)), ("a", "b"), "a column for each of the 2 classes"),
    ],
)
def test_labels_that_are_floats_are_checked(label, classes, message):
    with pytest.raises(ValueError, match=message):
        split(np.ones((2, 1)), label, classes)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_weight_is_a_finite_number_from_0(weight):
    batch = {"inputs": np.ones((2, 1)), "label": np.array([0, 1])}
    with pytest.raises(ValueError, match="data, example 1: weight"):
        arrays = {**batch, "weight": np.array([1, weight])}
        _splits.in_memory(arrays, classes=("a", "b"))
