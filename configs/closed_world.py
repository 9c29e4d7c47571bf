"""Which divergence, and whose texts, where the teacher is the truth?

Question: a language model of 260,000 parameters writes all the texts that there are,
so the distance of a student from the truth is exact in both directions. A student
of 51,000 parameters learns from its texts (cross entropy), or from its distributions
by forward, reverse, Jensen-Shannon or skewed reverse divergence, on texts of which the
student writes none, half or all. Which is nearest, by which divergence, and
whose drafts would the teacher accept?
Cost: half an hour to an hour and a half of two CPU cores; stories260K in the folder
that JDISTILL_DATA names.
Command: python -m experiments.main --config=configs/closed_world.py
    --workdir=runs/closed_world
Expected: see docs/language.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.stories import stories

LOSSES = dict(
    forward=dict(loss="kl"),
    reverse=dict(loss="reverse_kl"),
    jsd=dict(loss="jsd"),
    skewed=dict(loss="skewed_reverse_kl"),
)


def terms(name):
    """Those of a divergence."""
    return dict(kd=dict(on="logits", per="token", **LOSSES[name]))


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = stories(smoke)
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    labels = dict(ce=dict(on="labels", loss="cross_entropy"))
    c.methods = dict(texts=dict(terms=labels))
    c.methods.update({name: dict(terms=terms(name)) for name in LOSSES})
    own = ("reverse",) if smoke else LOSSES
    for half, share in (("half", 0.5), ("all", 1.0)):
        for name in own:
            known = dict(terms=terms(name), share=share)
            c.methods[f"{name}, {half} own"] = known
    return c
