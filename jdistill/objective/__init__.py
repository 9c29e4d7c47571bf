"""Objectives: losses joined to names, weights and masks.

`combine(ce=0.1 * on_labels(cross_entropy), kd=0.9 * on_logits(kl, temperature=4.0))`
is a named sum of terms. A loss is a function of arrays; a term says which arrays it
gets, and what it counts: examples or tokens.
"""

from jdistill.metrics._examples import weighted_mean as weighted_mean
from jdistill.objective._bank import bank as bank
from jdistill.objective._combine import combine as combine
from jdistill.objective._connect import connect as connect
from jdistill.objective._features import on_features as on_features
from jdistill.objective._recipes import distillation as distillation
from jdistill.objective._recipes import hinton as hinton
from jdistill.objective._terms import on_labels as on_labels
from jdistill.objective._terms import on_logits as on_logits
from jdistill.objective._terms import on_params as on_params

__all__ = [
    "bank",
    "combine",
    "connect",
    "distillation",
    "hinton",
    "on_features",
    "on_labels",
    "on_logits",
    "on_params",
    "weighted_mean",
]
