import numpy as np
import pytest
import sklearn.metrics

from jdistill import metrics
from tests.losses.members import _labels, _member
from tests.metrics import example_sets

STUDENT, _, LABEL = example_sets.make()
BATCH = {"label": LABEL}


def test_nll_equals_scikit_learn_and_perplexity_is_its_exponential():
    q = np.exp(_member.log_softmax(STUDENT))
    wanted = sklearn.metrics.log_loss(
        LABEL, q / q.sum(-1, keepdims=True), labels=range(6)
    )
    found = example_sets.figure(metrics.nll(), STUDENT, None, BATCH)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    found = example_sets.figure(metrics.perplexity(), STUDENT / 9, None, BATCH)
    wanted = np.exp(_labels.cross_entropy(STUDENT / 9, LABEL).mean())
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("num_bins", [1, 10, 15])
def test_ece_equals_a_loop_over_bins(num_bins):
    q = np.exp(_member.log_softmax(STUDENT))
    confidence, right = q.max(-1), q.argmax(-1) == LABEL
    wanted = 0.0
    for b in range(num_bins):
        held = (confidence > b / num_bins) & (confidence <= (b + 1) / num_bins)
        if held.any():
            gap = abs(right[held].mean() - confidence[held].mean())
            wanted += held.mean() * gap
    found = example_sets.figure(metrics.ece(num_bins=num_bins), STUDENT, None, BATCH)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_ece_has_the_values_worked_out_by_hand():
    logits = np.log(np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10, np.float32))
    label = np.array([0] * 9 + [1] + [0] * 2 + [1] * 8)
    found = example_sets.figure(metrics.ece(), logits, None, {"label": label})
    np.testing.assert_allclose(found, 0.5 * 0.0 + 0.5 * 0.4, atol=1e-6)


def test_a_bin_holds_its_upper_edge():
    logits = np.log(np.array([[0.5, 0.5], [0.75, 0.25]], np.float32))
    batch = {"label": np.array([1, 0])}
    found = example_sets.figure(metrics.ece(num_bins=2), logits, None, batch)
    np.testing.assert_allclose(found, (0.5 + 0.25) / 2, atol=1e-6)


def test_a_certain_model_that_is_right_is_calibrated():
    logits = 1e4 * np.eye(6, dtype=np.float32)[LABEL]
    assert example_sets.figure(metrics.ece(), logits, None, BATCH) == 0


def test_a_wrong_number_of_bins_is_named():
    with pytest.raises(
        ValueError, match="num_bins must be a whole number from 1, got 0"
    ):
        metrics.ece(num_bins=0)
