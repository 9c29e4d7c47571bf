"""What do losses between features gain on 8x8 digits?

Question: a residual network of 8 layers learns from one of 20 on digits. Which loss
between their feature maps gains something over labels alone, and over plain KL?
Cost: about twenty minutes on two CPU cores, nothing to download.
Command: python -m experiments.main --config=configs/features.py --workdir=runs/features
Expected: the table of docs/losses.md, of which this is a part.
"""

from collections.abc import Sequence

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.pairs import (
    KL,
    MASK,
    STUDENT,
    beside,
    residual_digits,
    teacher_taps,
    through,
)

FEW = ("factor_transfer",)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    steps = 6 if smoke else 400
    return residual_digits(methods(steps, teacher_taps(smoke)), smoke=smoke, few=FEW)


def methods(steps: int, teacher: Sequence[str]) -> dict[str, list[dict]]:
    """Each loss at its usual weight beside the labels; stages where the paper has."""
    on, middle, last = "features", dict(teacher=teacher[1]), dict(teacher=teacher[2])

    def hint(loss, weight, projection=None, at=last, **more):
        tap = STUDENT[1 if at is middle else 2]
        student = tap if projection is None else through(projection, tap)
        return beside(weight, on=on, loss=loss, student=student, **{**at, **more})

    paraphrase = dict(
        name="paraphraser",
        num_steps=steps,
        frozen=".*",
        terms=dict(
            itself=dict(
                on=on,
                loss="fitnet",
                student=through("paraphraser", teacher[2], of="teacher"),
                teacher=teacher[2],
            )
        ),
    )
    factor = through(
        "paraphraser_factor", teacher[2], learned_in="paraphraser/itself/student"
    )
    guided = dict(
        on=on,
        loss="fitnet",
        student=through("conv_norm", STUDENT[1]),
        teacher=teacher[1],
    )
    wide = through("linear", STUDENT[1:])
    levels = dict(on=on, loss="hierarchical_context", teacher=teacher)
    levels["student"] = through("review", STUDENT)
    return {
        "fitnet": hint("fitnet", 100.0, "conv_norm"),
        "fitnet in stages": [
            dict(
                name="hint",
                num_steps=steps,
                frozen="Block_2/.*|Dense_0/.*",
                terms=dict(hint=guided),
            ),
            dict(name="kd", **KL[0]),
        ],
        "attention_transfer": hint("attention_transfer", 1000.0, at=middle),
        "cosine": beside(1.0, on="logits", loss="cosine"),
        "activation_boundary": hint("activation_boundary", 3e-3, "conv_norm"),
        "ofd": hint("ofd", 1e-3, "conv_norm", margin=-0.5),
        "factor_transfer": [
            paraphrase,
            *hint("factor_transfer", 500.0, "translator", teacher=factor),
        ],
        "nst": hint("nst", 50.0, at=middle),
        "vid": hint("vid", 1.0, "gaussian"),
        "pad_l2": hint("pad_l2", 1.0, "variance_branch"),
        "srd": hint("srd", 2.0, "linear", mask=MASK),
        "fsp": beside(50.0, on=on, loss="fsp", student=wide, teacher=teacher[1:]),
        "mgd": hint("mgd", 2e-5, "generation"),
        "hierarchical_context": beside(1.0, **levels),
    }
