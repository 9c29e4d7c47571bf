"""What do a recommender's scores teach a small one?

Question: vectors of 4 numbers for each user and movie learn from those of 64 on
MovieLens (100,836 ratings of 610 users). Which loss between the scores or the vectors
finds more of the movies that a user rated besides?
Data: ml-latest-small.zip of grouplens.org/datasets/movielens, in
`$JDISTILL_DATA/tfds_manual/movielens` or named by --config.data.archive=PATH.
Cost: about ten minutes of one CPU core.
Command: python -m experiments.main --config=configs/recommenders.py --workdir=runs/rec
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.pairs import through


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "recommend"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 8 if smoke else 128
    c.num_steps = 5 if smoke else 2000
    c.data = dict(archive="", min_users=1 if smoke else 10)
    tx = dict(name="adamw", schedule="cosine")
    long = dict(tx, learning_rate=1e-2, weight_decay=1.0)
    short = dict(tx, learning_rate=5e-2, weight_decay=0.01)
    c.teacher = dict(dim=8 if smoke else 64, tx=long)
    c.student = dict(dim=4, tx=short)
    few = ("de-rrd",)
    found = methods(k=3 if smoke else 40)
    named = {n: m for n, m in found.items() if not smoke or n in few}
    c.methods = named if smoke else {"alone": {}, **named}
    c.against = tuple(n for n in ("alone", "kl") if n in c.methods)
    return c


def methods(k: int) -> dict[str, dict]:
    """Each beside what the users took, at its usual weight and at a larger one.

    Rankings are among what a user has not taken.
    """

    def scores(loss, weight=1.0, **numbers):
        term = dict(on="logits", per="example", loss=loss, weight=weight)
        return dict(kd=dict(term, **numbers))

    def ranks(loss, weight, k):
        return scores(loss, weight, k=k, unseen=True)

    def experts(weight):
        sides = dict(student=through("experts", "user"), teacher="user")
        return dict(de=dict(on="features", loss="mgd", weight=weight, **sides))

    return {
        "kl": scores("kl"),
        "binary_kl": scores("binary_kl"),
        "rd": ranks("rd", 1.0, min(k, 10)),
        "rd x 10": ranks("rd", 10.0, min(k, 10)),
        "rrd": ranks("rrd", 0.001, k),
        "rrd x 100": ranks("rrd", 0.1, k),
        "de": experts(0.01),
        "de x 100": experts(1.0),
        "de-rrd": {**ranks("rrd", 0.001, k), **experts(0.01)},
    }
