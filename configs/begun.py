"""Does a student gain from beginning with layers of its teacher?

Question: a network of two hidden layers learns from one of four, in as many steps or a
tenth of them. It begins with fresh weights, or with the teacher's first, third and last
layers (as DistilBERT takes every second one, Sanh et al. 2019).
Cost: 14 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/begun.py --workdir=runs/begun
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import CE, few_digits, from_all

NETWORKS = {
    "deep": dict(name="mlp", widths=(64,) * 4),
    "shallow": dict(name="mlp", widths=(64,) * 2),
}
LAYERS = {"Dense_0": "Dense_0", "Dense_1": "Dense_2", "Dense_2": "Dense_4"}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    before = dict(deep=from_all(model="deep"))
    smoke = is_smoke(arg)
    few = 2 if smoke else 60
    return few_digits(methods(few), before=before, networks=NETWORKS, smoke=smoke)


def methods(few: int) -> dict[str, list[dict]]:
    """The shallow network alone, taught, and taught from the teacher's layers."""
    own = dict(model="shallow")
    layers = dict({"from": "deep"}, layers=LAYERS)
    fresh, begun = from_all("deep", **own), from_all("deep", begin=layers, **own)
    return {
        "two layers alone": [dict(own, terms=dict(ce=CE))],
        "two layers": [fresh],
        "two layers of the teacher's": [begun],
        "two layers, a tenth of the steps": [dict(fresh, num_steps=few)],
        "two layers of the teacher's, a tenth of the steps": [
            dict(begun, num_steps=few)
        ],
    }
