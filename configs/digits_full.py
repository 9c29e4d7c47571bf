"""What does making a network small cost on 8x8 digits, where each has its label?

Question: how much accuracy does a fully connected network lose when it is distilled,
pruned, quantised to int8 and packed into a file at least twenty times smaller?
Cost: about two minutes on two CPU cores, five folds, nothing to download.
Command: python -m experiments.main --config=configs/digits_full.py --workdir=runs/full
Temperatures: --sweep objective.temperature=1,2,4,8
"""

import ml_collections

from configs import digits
from configs.digits import mlp
from configs.shared.arguments import is_smoke


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    c, smoke = digits.get_config(arg), is_smoke(arg)
    del c.labels
    if smoke:
        return c
    c.teacher.model = mlp(256, 128, dropout=0.3)
    c.teacher_half.model = mlp(128, 64, dropout=0.3)
    steps = dict(teacher=600, teacher_half=600, student=1000, distilled=1000)
    steps |= dict(pruned=900, quantised=300, equal_bytes=2200)
    for name, number in steps.items():
        c[name].num_steps = number
    c.pruned.compression.sparsity.end = 450
    c.comparisons = (
        ("packed", "teacher"),
        ("packed", "equal_bytes"),
        ("distilled", "student"),
        ("teacher", "teacher_half"),
    )
    return c
