import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses, objective
from jdistill.objective import combine
from tests.objective.networks import BATCH, X, Y, value, views


def test_examples_without_a_label_count_only_where_none_is_needed():
    batch = BATCH | {"label": jnp.array([0, -1, 2, -1]), "label_mask": jnp.eye(2)[0]}
    batch["label_mask"] = jnp.array([1.0, 0.0, 1.0, 0.0])
    goal = combine(
        ce=objective.on_labels(losses.cross_entropy),
        kd=objective.on_logits(losses.kl),
        dkd=objective.on_logits(losses.dkd, labels=objective.labels()),
    )
    seen = views(teacher=Y)
    loss, metrics = goal.compute(seen, batch, aux={}, step=0, key=None)
    assert {n: int(c) for n, (_, c) in metrics.items() if n != "loss"} == {
        "ce": 2, "kd": 4, "dkd": 2,
    }  # fmt: skip
    rows = jnp.array([0, 2])
    wanted = losses.cross_entropy(X[rows], BATCH["label"][rows]).sum()
    np.testing.assert_allclose(metrics["ce"][0], wanted, rtol=1e-6)
    assert np.isfinite(loss)


def test_padded_tokens_are_asked_for_where_a_loss_could_leave_them_out():
    made = objective.on_features(losses.fitnet, student="tap", teacher="tap")
    batch = BATCH | {"token_mask": jnp.ones((4, 3))}
    assert np.isfinite(value(made, views(teacher=Y)))
    with pytest.raises(ValueError, match=r"fitnet relates tokens.*=token_mask\(\)"):
        value(made, views(teacher=Y), batch)
    made = objective.on_features(
        losses.fitnet, student="tap", teacher="tap", token_mask=None
    )
    assert np.isfinite(value(made, views(teacher=Y), batch))
