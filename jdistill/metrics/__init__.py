"""Figures over a whole data set, from sums that add over batches and devices.

Each factory gives a `Metric(sums, finish)`; padding adds nothing to the sums. Equal
calls give the same object, so that a program compiled for it is found again.
"""

from jdistill.metrics._bootstrap import paired_bootstrap as paired_bootstrap
from jdistill.metrics._calibration import ece as ece
from jdistill.metrics._calibration import nll as nll
from jdistill.metrics._calibration import perplexity as perplexity
from jdistill.metrics._classes import confusion as confusion
from jdistill.metrics._classes import f1 as f1
from jdistill.metrics._classes import precision as precision
from jdistill.metrics._classes import recall as recall
from jdistill.metrics._correct import accuracy as accuracy
from jdistill.metrics._correct import top_k as top_k
from jdistill.metrics._fidelity import agreement as agreement
from jdistill.metrics._fidelity import kl_to_teacher as kl_to_teacher
from jdistill.metrics._tokens import acceptance as acceptance
from jdistill.metrics._tokens import bits_per_byte as bits_per_byte
from jdistill.metrics._tokens import by_chunks as by_chunks

__all__ = [
    "acceptance",
    "accuracy",
    "agreement",
    "bits_per_byte",
    "by_chunks",
    "confusion",
    "ece",
    "f1",
    "kl_to_teacher",
    "nll",
    "paired_bootstrap",
    "perplexity",
    "precision",
    "recall",
    "top_k",
]
