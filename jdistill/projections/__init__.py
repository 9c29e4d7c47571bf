"""Projections: the features of one network brought to the shape of the other's.

`__all__` is the list that configurations choose from.
"""

from jdistill.projections._conv import conv as conv
from jdistill.projections._conv import conv_norm as conv_norm
from jdistill.projections._conv import regressor as regressor
from jdistill.projections._experts import experts as experts
from jdistill.projections._factors import paraphraser as paraphraser
from jdistill.projections._factors import paraphraser_factor as paraphraser_factor
from jdistill.projections._factors import translator as translator
from jdistill.projections._gaussian import gaussian as gaussian
from jdistill.projections._gaussian import variance_branch as variance_branch
from jdistill.projections._generation import generation as generation
from jdistill.projections._linear import embed as embed
from jdistill.projections._linear import linear as linear
from jdistill.projections._linear import mlp as mlp
from jdistill.projections._review import review as review

__all__ = [
    "conv",
    "conv_norm",
    "embed",
    "experts",
    "gaussian",
    "generation",
    "linear",
    "mlp",
    "paraphraser",
    "paraphraser_factor",
    "regressor",
    "review",
    "translator",
    "variance_branch",
]
