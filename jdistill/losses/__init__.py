"""Losses: arrays in, one value for each example out, never a mean over the batch.

`__all__` is the list that configurations choose from. `ofd_margin` is no loss: it gives
a number that `ofd` needs.
"""

from jdistill.losses._boundaries import activation_boundary as activation_boundary
from jdistill.losses._boundaries import ofd as ofd
from jdistill.losses._boundaries import ofd_margin as ofd_margin
from jdistill.losses._crd import crd as crd
from jdistill.losses._hints import cosine as cosine
from jdistill.losses._hints import factor_transfer as factor_transfer
from jdistill.losses._hints import fitnet as fitnet
from jdistill.losses._hints import mgd as mgd
from jdistill.losses._hints import vid as vid
from jdistill.losses._ickd import ickd as ickd
from jdistill.losses._labels import cross_entropy as cross_entropy
from jdistill.losses._levels import hierarchical_context as hierarchical_context
from jdistill.losses._logits import kl as kl
from jdistill.losses._logits import soft_cross_entropy as soft_cross_entropy
from jdistill.losses._maps import attention_transfer as attention_transfer
from jdistill.losses._maps import fsp as fsp
from jdistill.losses._maps import nst as nst
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
    "activation_boundary",
    "attention_kl",
    "attention_scores",
    "attention_transfer",
    "cka",
    "correlation_congruence",
    "cosine",
    "crd",
    "cross_entropy",
    "factor_transfer",
    "fitnet",
    "fsp",
    "group_lasso",
    "hidden_state",
    "hierarchical_context",
    "ickd",
    "kl",
    "l1",
    "l2",
    "mgd",
    "minilm",
    "nst",
    "ofd",
    "pkt",
    "rkd_angle",
    "rkd_distance",
    "similarity_preserving",
    "soft_cross_entropy",
    "vid",
]
