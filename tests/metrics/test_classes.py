import warnings

import numpy as np
import pytest
import sklearn.metrics

from jdistill import metrics
from tests.metrics import example_sets

STUDENT, _, LABEL = example_sets.make()
PAIRS = {
    "precision": (metrics.precision, sklearn.metrics.precision_score),
    "recall": (metrics.recall, sklearn.metrics.recall_score),
    "f1": (metrics.f1, sklearn.metrics.f1_score),
}


@pytest.mark.parametrize("average", ["macro", "micro", "per_class"])
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("steps", [None, 3])
def test_rates_equal_scikit_learn(name, average, steps):
    student, _, label = example_sets.make(steps=steps)
    ours, theirs = PAIRS[name]
    options = {"average": average}
    if average == "per_class":
        options = {"average": None, "labels": range(example_sets.CLASSES)}
    predicted = student.argmax(-1).ravel()
    wanted = theirs(label.ravel(), predicted, zero_division=0, **options)
    batch = {"label": label}
    found = example_sets.figure(ours(average=average), student, None, batch)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_three_rates_differ_here():
    found = [
        float(example_sets.figure(make(), STUDENT, None, {"label": LABEL}))
        for make, _ in PAIRS.values()
    ]
    assert len(set(found)) == 3 and all(0.05 < x < 0.95 for x in found)


def test_the_confusion_table_has_labels_as_rows():
    found = example_sets.figure(metrics.confusion(), STUDENT, None, {"label": LABEL})
    wanted = sklearn.metrics.confusion_matrix(
        LABEL, STUDENT.argmax(-1), labels=range(example_sets.CLASSES)
    )
    assert np.array_equal(found, wanted) and not np.array_equal(found, found.T)


def test_classes_that_never_occur_give_zero_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make, _ in PAIRS.values():
            metric = make(average="per_class")
            each = example_sets.figure(metric, STUDENT, None, {"label": LABEL})
            assert each[4] == each[5] == 0


def test_a_wrong_average_lists_the_right_ones():
    with pytest.raises(ValueError, match=r"one of \('macro', 'micro'.*got 'weighted'"):
        metrics.f1(average="weighted")
