"""Does a student learn from the running mean of itself, where labels are few?

Question: a small network learns 150 digits; its teacher is the mean of its own
parameters so far (Tarvainen and Valpola 2017), first on the labelled digits and then on
all, of which the mean teacher needs no labels.
Cost: 4 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/mean_teacher.py --workdir=runs/mean
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import SHARE, few_digits, taught


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return few_digits(methods(), smoke=is_smoke(arg))


def methods() -> dict[str, list[dict]]:
    """The divergence from the mean, on labelled and on all examples."""
    mean = dict(name="follow_mean", decay=0.98)
    terms = taught(1.0, 1.0, teacher="mean", temperature=1.0)
    stage = dict(terms=terms, others=dict(mean=mean))
    return {
        "mean teacher": [stage],
        "mean teacher, all digits": [dict(stage, data=dict(share=SHARE))],
    }
