import numpy as np
import pytest

from jdistill import metrics
from jdistill.typing import Outputs
from tests.losses.members._logits import kl
from tests.metrics import example_sets
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
