"""Losses: arrays in, one value for each example out, never a mean over the batch.

`__all__` is the list that configurations choose from.
"""

from jdistill.losses._crd import crd as crd
from jdistill.losses._ickd import ickd as ickd
from jdistill.losses._labels import cross_entropy as cross_entropy
from jdistill.losses._logits import kl as kl
from jdistill.losses._logits import soft_cross_entropy as soft_cross_entropy
from jdistill.losses._penalties import group_lasso as group_lasso
from jdistill.losses._penalties import l1 as l1
from jdistill.losses._penalties import l2 as l2
from jdistill.losses._relations import cka as cka
from jdistill.losses._relations import correlation_congruence as correlation_congruence
from jdistill.losses._relations import pkt as pkt
from jdistill.losses._relations import similarity_preserving as similarity_preserving
from jdistill.losses._rkd import rkd_angle as rkd_angle
from jdistill.losses._rkd import rkd_distance as rkd_distance
from jdistill.losses._transformers import attention_kl as attention_kl
from jdistill.losses._transformers import attention_scores as attention_scores
from jdistill.losses._transformers import hidden_state as hidden_state
from jdistill.losses._transformers import minilm as minilm

__all__ = [
    "attention_kl",
    "attention_scores",
    "cka",
    "correlation_congruence",
    "crd",
    "cross_entropy",
    "group_lasso",
    "hidden_state",
    "ickd",
    "kl",
    "l1",
    "l2",
    "minilm",
    "pkt",
    "rkd_angle",
    "rkd_distance",
    "similarity_preserving",
    "soft_cross_entropy",
]
