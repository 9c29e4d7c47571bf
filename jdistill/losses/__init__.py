"""Losses: arrays in, one value for each example out, never a mean over the batch.

`__all__` is the list that configurations choose from.
"""

from jdistill.losses._labels import cross_entropy as cross_entropy
from jdistill.losses._logits import kl as kl
from jdistill.losses._logits import soft_cross_entropy as soft_cross_entropy
from jdistill.losses._penalties import group_lasso as group_lasso
from jdistill.losses._penalties import l1 as l1
from jdistill.losses._penalties import l2 as l2

__all__ = [
    "cross_entropy",
    "group_lasso",
    "kl",
    "l1",
    "l2",
    "soft_cross_entropy",
]
