"""Do two students that teach each other learn more than each alone?

Question: two networks learn 150 digits in one program, each from the labels and from
the other's probabilities (Zhang et al. 2018), on the labelled digits or on all. What
does the first of them, the small one, gain?
Cost: 17 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/mutual.py --workdir=runs/mutual
Expected: the table of docs/results.md.
"""

from typing import Any

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import SHARE, few_digits


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return few_digits(methods(), smoke=is_smoke(arg))


def methods() -> dict[str, list[dict]]:
    """A student with its like, and with a network of the teacher's size."""
    every = dict(data=dict(share=SHARE))
    return {
        "mutual, alike": [mutual("student", "student")],
        "mutual, alike, all digits": [mutual("student", "student", **every)],
        "mutual, with the teacher's like": [mutual("student", "teacher")],
        "mutual, with the teacher's like, all digits": [
            mutual("student", "teacher", **every)
        ],
    }


def mutual(one: str, other: str, **more: Any) -> dict[str, Any]:
    """One stage of both networks; the first is the one that counts."""

    def of(name):
        return dict(name="taps", network="student", names=f"{name}/logits")

    def ce(name):
        labelled = dict(name="labels")
        return dict(loss="cross_entropy", arguments=[of(name), labelled])

    def kl(name, teacher):
        fixed = dict(name="stopped", source=of(teacher))
        return dict(loss="kl", arguments=[of(name), fixed])

    terms = dict(ce_a=ce("a"), ce_b=ce("b"), kl_a=kl("a", "b"), kl_b=kl("b", "a"))
    return dict(
        model=dict(name="peers", of=dict(a=one, b=other)),
        take="a",
        terms=terms,
        **more,
    )
