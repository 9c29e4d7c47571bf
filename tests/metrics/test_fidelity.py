import numpy as np
import pytest

from jdistill import metrics
from jdistill.typing import Outputs
from tests.losses.members._logits import kl
from tests.metrics import example_sets, tag_sets
from tests.seen import seen

STUDENT, TEACHER, LABEL = example_sets.make()


def test_agreement_and_divergence_equal_numpy_with_and_without_labels():
    for batch in ({"label": LABEL}, {"id": np.arange(len(LABEL))}):
        found = example_sets.figure(metrics.agreement(), STUDENT, TEACHER, batch)
        wanted = (STUDENT.argmax(-1) == TEACHER.argmax(-1)).mean()
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        found = example_sets.figure(metrics.kl_to_teacher(), STUDENT, TEACHER, batch)
        np.testing.assert_allclose(found, kl(STUDENT, TEACHER).mean(), rtol=1e-5)


def test_a_missing_teacher_is_refused():
    with pytest.raises(ValueError, match="no 'teacher' network is here"):
        metrics.agreement().sums(seen(Outputs(STUDENT)), {"label": LABEL})


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def test_of_several_labels_each_is_compared_by_itself():
    student, teacher, label = (x[:, :3] for x in tag_sets.make())
    q, p = sigmoid(student), sigmoid(teacher)
    for batch in ({"label": label}, {"id": np.arange(len(label))}):
        for threshold in (0.5, 0.2):
            metric = metrics.binary_agreement(threshold=threshold)
            found = example_sets.figure(metric, student, teacher, batch)
            wanted = ((q > threshold) == (p > threshold)).all(axis=-1).mean()
            np.testing.assert_allclose(found, wanted, atol=1e-6)
            assert 0 < wanted < 1
        metric = metrics.binary_kl_to_teacher()
        found = example_sets.figure(metric, student, teacher, batch)
        wanted = np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_logit_that_is_none_agrees_with_nothing():
    student, teacher, label = tag_sets.make()
    student[3, 0] = np.nan
    for make in (metrics.binary_agreement, metrics.binary_kl_to_teacher):
        found = example_sets.figure(make(), student, teacher, {"label": label})
        assert np.isnan(found)
