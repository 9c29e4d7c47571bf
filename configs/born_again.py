"""Does a network gain from teaching its like, generation after generation?

Question: a small network learns 150 digits, then teaches a new one of the same size on
all digits, which teaches the next (Furlanello et al. 2018). What do they gain?
Cost: 6 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/born_again.py --workdir=runs/again
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import CE, few_digits, from_all


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return few_digits(methods(), smoke=is_smoke(arg))


def methods() -> dict[str, list[dict]]:
    """Generations of one network, each begun from weights of its own."""
    stages = [dict(name="first", terms=dict(ce=CE), seed=1)]
    found = {}
    for number, name in enumerate(("second", "third", "fourth"), 2):
        stages.append(from_all(stages[-1]["name"], name=name, seed=number))
        found[f"{name} generation"] = list(stages)
    return found
