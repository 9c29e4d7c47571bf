"""What does making a text classifier small cost, where every text has its label?

Question: the same docstrings as configs/stdlib_docs.py, all 1,600 of a training part
with their labels, and a student as large as it takes to come within a point of the
teacher in a file at least twenty times smaller.
Cost: about four minutes on two CPU cores, five folds, nothing to download.
Command: python -m experiments.main --config=configs/stdlib_docs_full.py
Temperatures: --sweep objective.temperature=1,2,3,10
    --workdir=runs/docs
Expected: the packed student is within a point of the teacher's accuracy, and above an
int8 student of the same bytes that learned from labels alone; the soft labels gain
nothing.
"""

import ml_collections

from configs import stdlib_docs
from configs.shared.arguments import is_smoke


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    c, smoke = stdlib_docs.get_config(arg), is_smoke(arg)
    del c.labels
    if smoke:
        return c
    c.student.model = stdlib_docs.ngrams(24576, 12)
    c.student.num_steps = c.distilled.num_steps = 600
    c.objective.temperature = 3.0
    c.pruned.num_steps = 400
    c.pruned.compression.sparsity.update(target=0.8, end=240)
    c.equal_bytes.num_steps = 1100
    c.comparisons = (
        ("packed", "teacher"),
        ("packed", "equal_bytes"),
        ("distilled", "student"),
        ("teacher", "tfidf"),
        ("teacher", "teacher_half"),
    )
    return c
