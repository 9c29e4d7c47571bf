"""What do losses between logits gain on 8x8 digits?

Question: a residual network of 8 layers learns from one of 20 on digits. Which loss
between their logits gains something over labels alone, and over plain KL?
Cost: about fifteen minutes on two CPU cores, nothing to download.
Command: python -m experiments.main --config=configs/logits.py --workdir=runs/logits
Expected: the table of docs/losses.md, of which this is a part.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.pairs import LABELS, MASK, beside, residual_digits

FEW = ("dist",)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return residual_digits(methods(), smoke=is_smoke(arg), few=FEW)


def methods() -> dict[str, list[dict]]:
    """Each loss at the weight of its paper, with KL's where the paper has none."""

    def softened(loss, **numbers):
        return beside(0.9, 0.1, on="logits", loss=loss, **numbers)

    def alone(loss, on="labels", **numbers):
        hard = dict(on=on, loss=loss, **numbers)
        return [dict(terms=dict(ce=hard))]

    return {
        "soft_cross_entropy": softened("soft_cross_entropy", temperature=4.0),
        "reverse_kl": softened("reverse_kl", temperature=4.0),
        "jsd": softened("jsd", temperature=4.0),
        "total_variation": softened("total_variation", temperature=4.0),
        "skewed_kl": softened("skewed_kl", temperature=4.0),
        "skewed_reverse_kl": softened("skewed_reverse_kl", temperature=4.0),
        "binary_kl": softened("binary_kl", temperature=4.0),
        "logit_mse": softened("logit_mse"),
        "logit_euclidean": softened("logit_euclidean"),
        "dkd": beside(on="logits", loss="dkd", labels=LABELS),
        "dist": beside(on="logits", loss="dist", mask=MASK),
        "logit_standardization": beside(9.0, on="logits", loss="logit_standardization"),
        "nkd": beside(on="logits", loss="nkd", labels=LABELS),
        "mft": alone("mft", on="logits", labels=LABELS),
        "hinge_ranking": softened("hinge_ranking"),
        "logistic_ranking": softened("logistic_ranking"),
        # the losses of recommenders, with classes for items: the teacher's best three
        "rd": beside(1.0, on="logits", loss="rd", k=3),
        "rrd": beside(0.064, on="logits", loss="rrd", k=3),
        "label_smoothing": alone("label_smoothing"),
        "virtual_teacher": beside(0.9, 0.1, on="labels", loss="virtual_teacher"),
    }
