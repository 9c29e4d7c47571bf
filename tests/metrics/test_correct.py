import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jdistill import metrics
from jdistill.typing import Outputs
from tests.metrics import example_sets
from tests.seen import seen

STUDENT, TEACHER, LABEL = example_sets.make()


def test_accuracy_equals_scikit_learn_whatever_is_padded():
    wanted = sklearn.metrics.accuracy_score(LABEL, STUDENT.argmax(-1))
    found = example_sets.figure(metrics.accuracy(), STUDENT, None, {"label": LABEL})
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_top_k_equals_scikit_learn(k):
    wanted = (
        sklearn.metrics.top_k_accuracy_score(
            LABEL, STUDENT, k=min(k, 6), labels=range(6), normalize=True
        )
        if k < 6
        else 1.0
    )
    found = example_sets.figure(metrics.top_k(k=k), STUDENT, None, {"label": LABEL})
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_tokens_are_counted_where_labels_are_sequences():
    student, _, label = example_sets.make(steps=3)
    batch = {"label": label, "token_mask": np.arange(150).reshape(50, 3) % 2}
    right = (student.argmax(-1) == label)[batch["token_mask"] == 1]
    found = example_sets.figure(metrics.accuracy(), student, None, batch)
    np.testing.assert_allclose(found, right.mean(), atol=1e-6)


def test_no_examples_give_zero():
    batch = {"label": jnp.array([0]), "mask": jnp.array([0])}
    sums = metrics.accuracy().sums(seen(Outputs(jnp.ones((1, 2)))), batch)
    assert sums == (0, 0) and metrics.accuracy().finish(sums) == 0


def test_equal_calls_give_the_same_object():
    assert metrics.top_k(k=3) is metrics.top_k(k=3)
    assert metrics.top_k(k=3) != metrics.top_k(k=4)


def test_a_wrong_k_is_named():
    with pytest.raises(ValueError, match="k must be a whole number from 1, got 0"):
        metrics.top_k(k=0)


@pytest.mark.parametrize(
    "metric",
    [metrics.accuracy(), metrics.top_k(k=2), metrics.recall(), metrics.f1(),
     metrics.ece(), metrics.nll(), metrics.agreement()],
    ids=["accuracy", "top_k", "recall", "f1", "ece", "nll", "agreement"],
)  # fmt: skip
def test_a_network_that_gives_nan_has_no_figure(metric):
    """NaN is the largest logit, so a spoilt network would have its class right."""
    logits = np.log([[0.5, 0.3, 0.2], [np.nan, 0.5, 0.5], [0.2, 0.3, 0.5]])
    whole = np.nan_to_num(logits)
    batch = {"label": np.array([0, 0, 2]), "id": np.arange(3)}
    assert np.isnan(example_sets.figure(metric, logits, whole, batch))
    others = [0, 2]  # padded with NaN, which does not count
    batch = {name: x[others] for name, x in batch.items()}
    found = example_sets.figure(metric, logits[others], whole[others], batch)
    assert np.isfinite(found)
