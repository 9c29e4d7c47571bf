"""Objectives: losses joined to networks, weights and masks.

`combine(ce=0.1 * on_labels(cross_entropy), kd=0.9 * on_logits(kl, temperature=4.0))`
is a named sum of terms. A loss is a function of arrays; a `term` says where each of its
arguments comes from, and what it counts: examples or tokens. `on_labels`, `on_logits`,
`on_sparse`, `on_features` and `on_params` are the usual ones.
"""

from jdistill.objective._bank import bank as bank
from jdistill.objective._combine import combine as combine
from jdistill.objective._connect import connect as connect
from jdistill.objective._derived import computed as computed
from jdistill.objective._derived import rerun as rerun
from jdistill.objective._derived import stopped as stopped
from jdistill.objective._entries import entry as entry
from jdistill.objective._entries import example_mask as example_mask
from jdistill.objective._entries import labels as labels
from jdistill.objective._entries import token_mask as token_mask
from jdistill.objective._presets import on_features as on_features
from jdistill.objective._presets import on_labels as on_labels
from jdistill.objective._presets import on_logits as on_logits
from jdistill.objective._presets import on_params as on_params
from jdistill.objective._recipes import distillation as distillation
from jdistill.objective._recipes import hinton as hinton
from jdistill.objective._sources import Context as Context
from jdistill.objective._sources import Source as Source
from jdistill.objective._sources import head as head
from jdistill.objective._sources import hidden as hidden
from jdistill.objective._sources import logits as logits
from jdistill.objective._sources import sparse as sparse
from jdistill.objective._sources import taps as taps
from jdistill.objective._sources import weight as weight
from jdistill.objective._teachers import ensemble as ensemble
from jdistill.objective._teachers import routed as routed
from jdistill.objective._term import term as term
from jdistill.objective._vocabulary import on_sparse as on_sparse
from jdistill.objective._vocabulary import on_vocabulary as on_vocabulary

__all__ = [
    "Context",
    "Source",
    "bank",
    "combine",
    "computed",
    "connect",
    "distillation",
    "ensemble",
    "entry",
    "example_mask",
    "head",
    "hidden",
    "hinton",
    "labels",
    "logits",
    "on_features",
    "on_labels",
    "on_logits",
    "on_params",
    "on_sparse",
    "on_vocabulary",
    "rerun",
    "routed",
    "sparse",
    "stopped",
    "taps",
    "term",
    "token_mask",
    "weight",
]
