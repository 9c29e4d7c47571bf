"""What do losses between relations of examples gain on 8x8 digits?

Question: a residual network of 8 layers learns from one of 20 on digits. Does it help
that its examples lie to each other as they do for the teacher?
Cost: about fifteen minutes on two CPU cores, nothing to download.
Command: python -m experiments.main --config=configs/relations.py --workdir=runs/rel
Expected: the table of docs/losses.md, of which this is a part.
"""

from collections.abc import Sequence

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.pairs import (
    MASK,
    STUDENT,
    beside,
    residual_digits,
    teacher_taps,
    through,
)

FEW = ("crd",)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    return residual_digits(methods(teacher_taps(smoke)), smoke=smoke, few=FEW)


def methods(teacher: Sequence[str]) -> dict[str, list[dict]]:
    """Each loss at its usual weight beside the labels."""
    last = dict(on="features", student=STUDENT[2], teacher=teacher[2])
    rows = dict(last, mask=MASK)

    def related(loss, weight, **more):
        return beside(weight, **{**rows, "loss": loss, **more})

    both = related("rkd_distance", 25.0)
    both[0]["terms"]["angle"] = dict(rows, loss="rkd_angle", weight=50.0)
    embedded = {
        "student": through("embed", STUDENT[2]),
        "teacher": through("embed", teacher[2]),
    }
    remembered = {
        "memory": dict(name="bank", size=1024),
        "ids": dict(name="entry", key="id"),
    }
    return {
        "rkd_distance": related("rkd_distance", 25.0),
        "rkd_angle": related("rkd_angle", 50.0),
        "rkd": both,
        "similarity_preserving": related("similarity_preserving", 3000.0),
        "pkt": related("pkt", 30000.0),
        "correlation_congruence": related("correlation_congruence", 0.02),
        "crd": related("crd", 0.8, **embedded, **remembered),
        "cka": related("cka", 1.0),
        "ickd": beside(
            2.5, **{**last, "loss": "ickd", "student": through("linear", STUDENT[2])}
        ),
    }
