"""Figures over a whole data set, from sums that add over batches and devices.

Each factory gives a `Metric(sums, finish)`; padding adds nothing to the sums. Equal
calls give the same object, so that a program compiled for it is found again.
"""

from jdistill.metrics._binary import binary_f1 as binary_f1
from jdistill.metrics._binary import binary_nll as binary_nll
from jdistill.metrics._binary import binary_precision as binary_precision
from jdistill.metrics._binary import binary_recall as binary_recall
from jdistill.metrics._binary import hamming as hamming
from jdistill.metrics._binary import subset_accuracy as subset_accuracy
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
from jdistill.metrics._fidelity import binary_agreement as binary_agreement
from jdistill.metrics._fidelity import binary_kl_to_teacher as binary_kl_to_teacher
from jdistill.metrics._fidelity import kl_to_teacher as kl_to_teacher
from jdistill.metrics._ranking import average_precision as average_precision
from jdistill.metrics._tokens import acceptance as acceptance
from jdistill.metrics._tokens import bits_per_byte as bits_per_byte
from jdistill.metrics._tokens import by_chunks as by_chunks
from jdistill.metrics._usual import detailed as detailed
from jdistill.metrics._usual import usual as usual

__all__ = [
    "acceptance",
    "accuracy",
    "agreement",
    "average_precision",
    "binary_agreement",
    "binary_f1",
    "binary_kl_to_teacher",
    "binary_nll",
    "binary_precision",
    "binary_recall",
    "bits_per_byte",
    "by_chunks",
    "confusion",
    "detailed",
    "ece",
    "f1",
    "hamming",
    "kl_to_teacher",
    "nll",
    "paired_bootstrap",
    "perplexity",
    "precision",
    "recall",
    "subset_accuracy",
    "top_k",
    "usual",
]
