"""Does a patient teacher that sees the same altered digits as its student help?

Question: a small network learns from a teacher that sees the same moved and mixed
images, for as long as the others and four times as long (Beyer et al. 2022). What does
that gain over a teacher of the images as they are, equally long?
Cost: 7 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/consistent.py --workdir=runs/same
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import few_digits, from_all


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    return few_digits(methods(16 if smoke else 2400), smoke=smoke)


def methods(patient: int) -> dict[str, list[dict]]:
    """KL for longer; moved images; moved and mixed ones, for which no labels count."""
    move = dict(name="shift", pixels=1)
    mix = dict(name="mixup", alpha=1.0)
    moved = from_all(augment=dict(move=move))
    mixed = from_all(augment=dict(move=move, mix=mix))
    return {
        "kl, patient": [from_all(num_steps=patient)],
        "moved": [moved],
        "moved, patient": [dict(moved, num_steps=patient)],
        "moved and mixed, patient": [dict(mixed, num_steps=patient)],
    }
