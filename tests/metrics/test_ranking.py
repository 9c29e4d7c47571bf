import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jdistill import metrics
from jdistill.typing import Outputs
from tests.metrics import example_sets, tag_sets
from tests.seen import seen

STUDENT, _, LABEL = tag_sets.make()
STUDENT = np.round(8 * STUDENT) / 8  # no two of them in one bin


def found(average="macro", student=STUDENT, label=LABEL, **options):
    metric = metrics.average_precision(average=average, **options)
    return example_sets.figure(metric, student, None, {"label": label}, size=64)


def wanted(student, label, average):
    """Of the classes that have an example, in float64."""
    there = label.any(axis=0)
    label, scores = label[:, there], student[:, there].astype(np.float64)
    average = None if average == "per_class" else average
    figure = sklearn.metrics.average_precision_score(label, scores, average=average)
    if average is None:
        each = np.zeros(len(there))
        each[there] = figure
        return each
    return figure


@pytest.mark.parametrize("average", ["macro", "micro", "per_class"])
def test_it_equals_scikit_learn_where_each_logit_has_a_bin(average):
    figure = found(average)
    if average == "micro":  # all pairs, those of classes without an example too
        scores = STUDENT.astype(np.float64).ravel()
        exact = sklearn.metrics.average_precision_score(LABEL.ravel(), scores)
    else:
        exact = wanted(STUDENT, LABEL, average)
    np.testing.assert_allclose(figure, exact, atol=1e-6)


def test_equal_logits_count_at_once():
    tied = np.round(STUDENT).astype(np.float32)
    np.testing.assert_allclose(
        found("per_class", tied), wanted(tied, LABEL, "per_class"), atol=1e-6
    )
    assert len(np.unique(tied[:, 0])) < 12


def test_logits_that_are_in_no_order_of_bins_are_nearly_as_exact():
    for seed, size in ((1, 500), (2, 2000)):
        student, _, label = tag_sets.make(seed, size=size)
        exact = wanted(student, label, "macro")
        assert abs(found(student=student, label=label) - exact) < 1e-3
    coarse = found(student=student, label=label, num_bins=64)
    assert 1e-3 < abs(coarse - exact) < 0.1


def test_many_classes_have_fewer_bins():
    def bins(classes):
        like, metric = jnp.zeros((2, classes)), metrics.average_precision()
        found = jax.eval_shape(
            lambda x: metric.sums(seen(Outputs(x)), {"label": x}), like
        )
        return found.positive.shape[1]

    sizes = [bins(n) for n in (1, 64, 128, 10_000)]
    assert sizes == [65536, 65536, 32768, 1024]


def test_very_large_logits_have_bins_too():
    far = np.float32([[900.0], [-900.0], [np.inf], [40.0], [-np.inf], [39.0]])
    label = np.float32([[1], [0], [1], [1], [0], [0]])
    assert found(student=far, label=label) == 1


def test_without_an_example_there_is_no_precision():
    assert found(label=np.zeros_like(LABEL)) == 0
