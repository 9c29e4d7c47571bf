import jax
import numpy as np
import pytest

from benchmarks import losses
from jdistill.losses import __all__ as every


@pytest.mark.parametrize("name", ["fitnet", "fsp", "ofd"])
def test_a_loss_is_timed_alone_between_features_that_are_there(name):
    features = {
        tap: jax.random.normal(jax.random.key(n), (3, 4, 4, 2))
        for n, tap in enumerate(losses.TAPS)
    }
    values = losses.by_itself(name, features, repeats=2)()
    assert [x.shape for x in values] == [(3,), (3,)]
    assert np.all(np.isfinite(values))


def test_what_is_timed_are_losses():
    assert set(losses.PLAIN) < set(every)
