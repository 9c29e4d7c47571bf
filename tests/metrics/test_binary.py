import numpy as np
import pytest
import sklearn.metrics

from jdistill import metrics
from jdistill.typing import Outputs
from tests.metrics import example_sets, tag_sets
from tests.seen import seen

STUDENT, _, LABEL = tag_sets.make()
NAMED = {"label": LABEL}
RATES = {
    "precision": (metrics.binary_precision, sklearn.metrics.precision_score),
    "recall": (metrics.binary_recall, sklearn.metrics.recall_score),
    "f1": (metrics.binary_f1, sklearn.metrics.f1_score),
}


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def found(metric, batch=NAMED, student=STUDENT):
    return example_sets.figure(metric, student, None, batch)


@pytest.mark.parametrize("threshold", [0.5, 0.2])
@pytest.mark.parametrize("average", ["macro", "micro", "per_class"])
@pytest.mark.parametrize("name", RATES)
def test_rates_equal_scikit_learn(name, average, threshold):
    ours, theirs = RATES[name]
    said = sigmoid(STUDENT) > threshold
    there = [
        c for c in range(tag_sets.CLASSES) if said[:, c].any() or LABEL[:, c].any()
    ]
    assert there == [0, 1, 2, 3, 4]  # scikit-learn would count a 0 for the last one
    options = {"average": average, "labels": there}
    if average == "per_class":
        options = {"average": None}
    wanted = theirs(LABEL, said, zero_division=0, **options)
    figure = found(ours(average=average, threshold=threshold))
    np.testing.assert_allclose(figure, wanted, atol=1e-6)


def test_sets_and_single_labels_equal_scikit_learn():
    for threshold in (0.5, 0.2):
        said = sigmoid(STUDENT) > threshold
        right = sklearn.metrics.accuracy_score(LABEL, said)
        wrong = sklearn.metrics.hamming_loss(LABEL, said)
        options = {"threshold": threshold}
        for metric, wanted in (
            (metrics.subset_accuracy(**options), right),
            (metrics.hamming(**options), wrong),
        ):
            np.testing.assert_allclose(found(metric), wanted, atol=1e-6)
            assert 0 <= wanted < 1


def test_the_likelihood_is_that_of_each_label():
    each = [
        sklearn.metrics.log_loss(LABEL[:, c], sigmoid(STUDENT[:, c]), labels=[0, 1])
        for c in range(tag_sets.CLASSES)
    ]
    np.testing.assert_allclose(found(metrics.binary_nll()), np.mean(each), rtol=1e-5)


def test_what_has_no_label_does_not_count():
    few = {"label": np.where(np.arange(50)[:, None] < 20, LABEL, 77).astype("f4")}
    few["label_mask"] = (np.arange(50) < 20).astype(np.float32)
    for make in (metrics.binary_f1, metrics.hamming, metrics.binary_nll):
        short = example_sets.figure(
            make(), STUDENT[:20], None, {"label": LABEL[:20]}, size=20
        )
        np.testing.assert_allclose(found(make(), few), short, rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [metrics.binary_f1, metrics.subset_accuracy, metrics.hamming, metrics.binary_nll,
     metrics.average_precision],
)  # fmt: skip
def test_a_label_that_is_neither_and_a_logit_that_is_none_make_no_figure(make):
    share, none = LABEL.copy(), STUDENT.copy()
    share[7, 1], none[9] = 0.5, np.nan
    assert np.isnan(found(make(), {"label": share}))
    assert np.isnan(found(make(), student=none))
    assert np.isfinite(found(make()))


def test_what_are_no_several_labels_is_refused():
    views, f1 = seen(Outputs(STUDENT)), metrics.binary_f1()
    said = r"floats of the shape of the logits \[50, 6\]; they are int64\[50\]"
    with pytest.raises(ValueError, match=said):
        f1.sums(views, {"label": np.zeros(50, int)})
    with pytest.raises(ValueError, match=r"they are float32\[50, 5\]"):
        f1.sums(views, {"label": LABEL[:, :5]})
    with pytest.raises(ValueError, match="no 'label' in the batch"):
        f1.sums(views, {"id": np.arange(50)})
    with pytest.raises(ValueError, match="threshold must be above 0 and below 1"):
        metrics.binary_f1(threshold=1.0)
    with pytest.raises(ValueError, match=r"one of \('macro'"):
        metrics.average_precision(average="samples")
    with pytest.raises(ValueError, match=r"there are metrics\.binary_f1"):
        metrics.accuracy().sums(views, NAMED)
