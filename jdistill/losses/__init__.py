"""Losses: arrays in, one value for each example out, never a mean over the batch.

`__all__` is the list that configurations choose from.
"""

from jdistill.losses._binary import binary_cross_entropy as binary_cross_entropy
from jdistill.losses._binary import binary_kl as binary_kl
from jdistill.losses._decoupled import dkd as dkd
from jdistill.losses._decoupled import nkd as nkd
from jdistill.losses._divergences import jsd as jsd
from jdistill.losses._divergences import reverse_kl as reverse_kl
from jdistill.losses._divergences import skewed_kl as skewed_kl
from jdistill.losses._divergences import skewed_reverse_kl as skewed_reverse_kl
from jdistill.losses._divergences import total_variation as total_variation
from jdistill.losses._labels import cross_entropy as cross_entropy
from jdistill.losses._labels import label_smoothing as label_smoothing
from jdistill.losses._labels import virtual_teacher as virtual_teacher
from jdistill.losses._logits import kl as kl
from jdistill.losses._logits import logit_mse as logit_mse
from jdistill.losses._logits import soft_cross_entropy as soft_cross_entropy
from jdistill.losses._penalties import group_lasso as group_lasso
from jdistill.losses._penalties import l1 as l1
from jdistill.losses._penalties import l2 as l2
from jdistill.losses._ranking import hinge_ranking as hinge_ranking
from jdistill.losses._ranking import logistic_ranking as logistic_ranking
from jdistill.losses._recommenders import rd as rd
from jdistill.losses._recommenders import rrd as rrd
from jdistill.losses._sequences import ctc_kl as ctc_kl
from jdistill.losses._sequences import ctc_kl_without_blank as ctc_kl_without_blank
from jdistill.losses._standardised import dist as dist
from jdistill.losses._standardised import logit_standardisation as logit_standardisation

__all__ = [
    "binary_cross_entropy",
    "binary_kl",
    "cross_entropy",
    "ctc_kl",
    "ctc_kl_without_blank",
    "dist",
    "dkd",
    "group_lasso",
    "hinge_ranking",
    "jsd",
    "kl",
    "l1",
    "l2",
    "label_smoothing",
    "logistic_ranking",
    "logit_mse",
    "logit_standardisation",
    "nkd",
    "rd",
    "reverse_kl",
    "rrd",
    "skewed_kl",
    "skewed_reverse_kl",
    "soft_cross_entropy",
    "total_variation",
    "virtual_teacher",
]
