"""Does a student gain from beginning with layers of its teacher?

Question: a network of two hidden layers learns 150 digits from one of four. It begins
with fresh weights, or with the teacher's first, third and last layers (as DistilBERT
takes every second one, Sanh et al. 2019).
Cost: about two minutes of one CPU core, nothing to download.
Command: python -m experiments.main --config=configs/begun.py --workdir=runs/begun
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import CE, few_digits, taught

NETWORKS = {
    "deep": dict(name="mlp", widths=(64,) * 4),
    "shallow": dict(name="mlp", widths=(64,) * 2),
}
LAYERS = {"Dense_0": "Dense_0", "Dense_1": "Dense_2", "Dense_2": "Dense_4"}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    before = dict(deep=dict(model="deep", terms=dict(ce=CE)))
    smoke = is_smoke(arg)
    return few_digits(methods(), before=before, networks=NETWORKS, smoke=smoke)


def methods() -> dict[str, list[dict]]:
    """The shallow network alone, taught, and taught from the teacher's layers."""
    own = dict(model="shallow")
    plain = dict(own, terms=taught(), others=dict(teacher="deep"))
    layers = dict({"from": "deep"}, layers=LAYERS)
    return {
        "two layers alone": [dict(own, terms=dict(ce=CE))],
        "two layers, kl": [plain],
        "two layers of the teacher's, kl": [dict(plain, begin=layers)],
    }
