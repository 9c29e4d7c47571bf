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

from experiments.pairs import through


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = arg == "smoke"
    c = ml_collections.ConfigDict()
    c.experiment = "recommend"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 8 if smoke else 128
    c.num_steps = 5 if smoke else 1500
    c.data = dict(archive="", min_users=1 if smoke else 10)
    tx = dict(name="adamw", schedule="cosine", learning_rate=1e-2)
    c.teacher = dict(dim=8 if smoke else 64, tx=dict(tx, weight_decay=1.0))
    c.student = dict(dim=4, tx=dict(tx, weight_decay=0.01))
    few = ("de-rrd",)
    found = methods(k=3 if smoke else 40)
    named = {n: m for n, m in found.items() if not smoke or n in few}
    c.methods = named if smoke else {"alone": {}, **named}
    c.against = ("alone", "kl")
    return c


def methods(k: int) -> dict[str, dict]:
    """Each beside what the users took; rankings are among what they did not."""

    def scores(loss, weight=1.0, **numbers):
        return dict(kd=dict(on="logits", loss=loss, weight=weight, **numbers))

    ranks = dict(per="example", unseen=True)
    rrd = scores("rrd", 0.001 * 1, k=k, **ranks)
    experts = dict(
        on="features", loss="mgd", student=through("experts", "user"), teacher="user"
    )
    return {
        "kl": scores("kl", per="example"),
        "binary_kl": scores("binary_kl", per="example"),
        "rd": scores("rd", k=min(k, 10), **ranks),
        "rrd": rrd,
        "de": dict(de=dict(experts, weight=0.01)),
        "de-rrd": dict(**rrd, de=dict(experts, weight=0.01)),
    }
