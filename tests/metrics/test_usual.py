import numpy as np

from jdistill import metrics

TAGS = np.array([[1, 1, 0], [0, 0, 0]], np.float32)


def test_the_figures_follow_the_labels():
    classes = metrics.usual({"label": np.array([0, 2])})
    assert classes["nll"] is metrics.nll() and "accuracy" in classes
    several = metrics.usual({"label": TAGS}, teacher=True)
    assert several["nll"] is metrics.binary_nll() and "accuracy" not in several
    assert several["agreement"] is metrics.binary_agreement()
    assert metrics.usual({})["nll"] is metrics.nll()


def test_shares_of_classes_are_no_several_labels():
    for rows in ([[0.5, 0.5], [0.25, 0.75]], [[1, 0], [0, 1]], [[0.5, 0.7], [1, 1]]):
        found = metrics.usual({"label": np.array(rows, np.float32)})
        assert found["nll"] is metrics.nll(), rows


def test_examples_without_a_label_do_not_decide():
    rows = np.array([[1, 0], [0, 0]], np.float32)
    has = np.array([1, 0], np.float32)
    found = metrics.usual({"label": rows, "label_mask": has})
    assert found["nll"] is metrics.nll()
    rows = np.array([[1, 1], [0.5, 0]], np.float32)
    found = metrics.usual({"label": rows, "label_mask": has})
    assert found["nll"] is metrics.binary_nll()


def test_a_row_has_each_average():
    found = metrics.detailed({"label": TAGS})
    assert found["f1_per_class"] is metrics.binary_f1(average="per_class")
    assert found["recall_micro"] is metrics.binary_recall(average="micro")
    assert "average_precision_per_class" in found and "confusion" not in found
