"""Does a network of middle size between teacher and student help?

Question: a teacher that is much larger than its student teaches an assistant, which
teaches the student (Mirzadeh et al. 2020). What does the way round gain over the
teacher alone, where labels are few?
Cost: 10 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/assistants.py --workdir=runs/ta
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import few_digits, from_all

SIZES = {"middle": (96, 64), "small": (48,)}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    networks = {n: dict(name="mlp", widths=w) for n, w in SIZES.items()}
    return few_digits(methods(), networks=networks, smoke=is_smoke(arg))


def methods() -> dict[str, list[dict]]:
    """One assistant and two, each taught by the one before."""

    def chain(*names):
        stages, before = [], "teacher"
        for name in names:
            stages.append(from_all(before, name=name, model=name))
            before = name
        return stages

    return {
        "one assistant": chain("middle", "student"),
        "two assistants": chain("middle", "small", "student"),
    }
