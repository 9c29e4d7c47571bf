"""Losses: arrays in, one value for each example out, never a mean over the batch.

`__all__` is the list that configurations choose from. `ofd_margin` is no loss: it gives
a number that `ofd` needs.
"""

from jdistill.losses._boundaries import activation_boundary as activation_boundary
from jdistill.losses._boundaries import ofd as ofd
from jdistill.losses._boundaries import ofd_margin as ofd_margin
from jdistill.losses._hints import cosine as cosine
from jdistill.losses._hints import factor_transfer as factor_transfer
from jdistill.losses._hints import fitnet as fitnet
from jdistill.losses._hints import mgd as mgd
from jdistill.losses._hints import vid as vid
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

__all__ = [
    "activation_boundary",
    "attention_transfer",
    "cosine",
    "cross_entropy",
    "factor_transfer",
    "fitnet",
    "fsp",
    "group_lasso",
    "hierarchical_context",
    "kl",
    "l1",
    "l2",
    "mgd",
    "nst",
    "ofd",
    "soft_cross_entropy",
    "vid",
]
