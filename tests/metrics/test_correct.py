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
