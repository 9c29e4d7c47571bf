import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.objective import ensemble, logits, routed, term
from tests.objective.networks import BATCH, X, Y, value, views

Z = jnp.flip(X, axis=0)


def kl(source, **numbers):
    return term(losses.kl, logits("student"), source, **numbers)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_an_ensemble_teaches_the_mean_of_the_softened_probabilities(temperature):
    made = kl(
        ensemble(["a", "b", "c"], temperature=temperature), temperature=temperature
    )
    found = value(made, views(a=X, b=Y, c=Z))
    p = np.mean([jax.nn.softmax(z / temperature) for z in (X, Y, Z)], axis=0)
    log_q = jax.nn.log_softmax(X / temperature)
    wanted = temperature**2 * (p * (np.log(p) - log_q)).sum(-1).mean()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_each_example_is_taught_by_the_teacher_it_is_sent_to():
    batch = BATCH | {"expert": jnp.array([1, 0, 0, 1])}
    found = value(kl(routed(["a", "b"], by="expert")), views(a=Y, b=Z), batch)
    theirs = jnp.where(batch["expert"][:, None] == 1, Z, Y)
    np.testing.assert_allclose(found, losses.kl(X, theirs).mean(), rtol=1e-5)


def test_a_number_that_names_no_teacher_stops_a_run():
    batch = BATCH | {"expert": jnp.array([1, 2, 0, 1])}
    assert np.isnan(value(kl(routed(["a", "b"], by="expert")), views(a=Y, b=Z), batch))
    batch["mask"] = jnp.array([1.0, 0.0, 1.0, 1.0])
    assert np.isfinite(
        value(kl(routed(["a", "b"], by="expert")), views(a=Y, b=Z), batch)
    )


def test_what_is_missing_or_differs_is_named():
    with pytest.raises(ValueError, match="names of two teachers or more, got"):
        ensemble(["a"])
    with pytest.raises(ValueError, match="names of two teachers or more, got 'ab'"):
        routed("ab", by="expert")
    with pytest.raises(ValueError, match=r"teachers' logits differ in shape: .'a'"):
        value(kl(ensemble(["a", "b"])), views(a=Y, b=Y[:, :2]))
    with pytest.raises(ValueError, match="no 'expert' in the batch"):
        value(kl(routed(["a", "b"], by="expert")), views(a=Y, b=Z))
