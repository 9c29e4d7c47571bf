"""Optimisers that need more than gradients are refused when a learner is made."""

import optax
import pytest

from jdistill import losses, models, objective, train
from jdistill.train._searches import refuse_searches

GOAL = objective.combine(ce=objective.on_labels(losses.cross_entropy))


@pytest.mark.parametrize(
    ("tx", "said"),
    [
        (optax.lbfgs(), "lbfgs.*linesearch"),
        (optax.contrib.reduce_on_plateau(), "asks for the loss.*reduce_on_plateau"),
        (optax.chain(optax.sgd(1.0), optax.contrib.reduce_on_plateau()), "plateau"),
        (optax.polyak_sgd(), "asks for the loss"),
        (optax.lookahead(optax.sgd(1.0), 5, 0.5), "lookahead.*follow_mean"),
    ],
)
def test_what_no_learner_can_feed_is_refused_when_it_is_given(tx, said):
    with pytest.raises(TypeError, match=said):
        train.learner(models.mlp(classes=2), GOAL, tx)


def test_all_others_pass_those_of_other_parameters_too():
    labels = {"other": "a"}  # a tree that is not like the trial's
    for tx in (
        optax.MultiSteps(optax.adamw(1e-3), 2),
        optax.contrib.muon(1e-3),
        optax.contrib.schedule_free_adamw(),
        optax.inject_hyperparams(optax.lion)(learning_rate=1e-3),
        optax.multi_transform({"a": optax.sgd(1.0)}, labels),
    ):
        refuse_searches(tx)
