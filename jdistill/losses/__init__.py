"""Losses: arrays in, one value for each example out, never a mean over the batch.

`__all__` is the list that configurations choose from. `ofd_margin` is no loss: it gives
a number that `ofd` needs. Nor is `over_vocabulary`: it makes one of another.
"""

from jdistill.losses._binary import binary_cross_entropy as binary_cross_entropy
from jdistill.losses._binary import binary_kl as binary_kl
from jdistill.losses._boundaries import activation_boundary as activation_boundary
from jdistill.losses._boundaries import ofd as ofd
from jdistill.losses._boundaries import ofd_margin as ofd_margin
from jdistill.losses._crd import crd as crd
from jdistill.losses._data_free import activation as activation
from jdistill.losses._data_free import class_balance as class_balance
from jdistill.losses._data_free import one_hot as one_hot
from jdistill.losses._decoupled import dkd as dkd
from jdistill.losses._decoupled import mft as mft
from jdistill.losses._decoupled import nkd as nkd
from jdistill.losses._divergences import jsd as jsd
from jdistill.losses._divergences import reverse_kl as reverse_kl
from jdistill.losses._divergences import skewed_kl as skewed_kl
from jdistill.losses._divergences import skewed_reverse_kl as skewed_reverse_kl
from jdistill.losses._divergences import total_variation as total_variation
from jdistill.losses._hints import cosine as cosine
from jdistill.losses._hints import factor_transfer as factor_transfer
from jdistill.losses._hints import fitnet as fitnet
from jdistill.losses._hints import mgd as mgd
from jdistill.losses._hints import pad_l2 as pad_l2
from jdistill.losses._hints import vid as vid
from jdistill.losses._ickd import ickd as ickd
from jdistill.losses._labels import cross_entropy as cross_entropy
from jdistill.losses._labels import label_smoothing as label_smoothing
from jdistill.losses._labels import virtual_teacher as virtual_teacher
from jdistill.losses._levels import hierarchical_context as hierarchical_context
from jdistill.losses._logits import kl as kl
from jdistill.losses._logits import logit_euclidean as logit_euclidean
from jdistill.losses._logits import logit_mse as logit_mse
from jdistill.losses._logits import soft_cross_entropy as soft_cross_entropy
from jdistill.losses._maps import attention_transfer as attention_transfer
from jdistill.losses._maps import fsp as fsp
from jdistill.losses._maps import nst as nst
from jdistill.losses._penalties import group_lasso as group_lasso
from jdistill.losses._penalties import l1 as l1
from jdistill.losses._penalties import l2 as l2
from jdistill.losses._ranking import hinge_ranking as hinge_ranking
from jdistill.losses._ranking import logistic_ranking as logistic_ranking
from jdistill.losses._recommenders import rd as rd
from jdistill.losses._recommenders import rrd as rrd
from jdistill.losses._relations import cka as cka
from jdistill.losses._relations import correlation_congruence as correlation_congruence
from jdistill.losses._relations import pkt as pkt
from jdistill.losses._relations import similarity_preserving as similarity_preserving
from jdistill.losses._rkd import rkd_angle as rkd_angle
from jdistill.losses._rkd import rkd_distance as rkd_distance
from jdistill.losses._sequences import ctc_kl as ctc_kl
from jdistill.losses._sequences import ctc_kl_without_blank as ctc_kl_without_blank
from jdistill.losses._sparse import sparse_kl as sparse_kl
from jdistill.losses._sparse import (
    sparse_soft_cross_entropy as sparse_soft_cross_entropy,
)
from jdistill.losses._srd import srd as srd
from jdistill.losses._standardised import dist as dist
from jdistill.losses._standardised import logit_standardization as logit_standardization
from jdistill.losses._transformers import attention_kl as attention_kl
from jdistill.losses._transformers import attention_scores as attention_scores
from jdistill.losses._transformers import hidden_state as hidden_state
from jdistill.losses._transformers import minilm as minilm
from jdistill.losses._vocabulary import over_vocabulary as over_vocabulary

__all__ = [
    "activation",
    "activation_boundary",
    "attention_kl",
    "attention_scores",
    "attention_transfer",
    "binary_cross_entropy",
    "binary_kl",
    "cka",
    "class_balance",
    "correlation_congruence",
    "cosine",
    "crd",
    "cross_entropy",
    "ctc_kl",
    "ctc_kl_without_blank",
    "dist",
    "dkd",
    "factor_transfer",
    "fitnet",
    "fsp",
    "group_lasso",
    "hidden_state",
    "hierarchical_context",
    "hinge_ranking",
    "ickd",
    "jsd",
    "kl",
    "l1",
    "l2",
    "label_smoothing",
    "logistic_ranking",
    "logit_euclidean",
    "logit_mse",
    "logit_standardization",
    "mft",
    "mgd",
    "minilm",
    "nkd",
    "nst",
    "ofd",
    "one_hot",
    "pad_l2",
    "pkt",
    "rd",
    "reverse_kl",
    "rkd_angle",
    "rkd_distance",
    "rrd",
    "similarity_preserving",
    "skewed_kl",
    "skewed_reverse_kl",
    "soft_cross_entropy",
    "sparse_kl",
    "sparse_soft_cross_entropy",
    "srd",
    "total_variation",
    "vid",
    "virtual_teacher",
]
