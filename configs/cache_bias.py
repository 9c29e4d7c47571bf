"""What does it cost to keep only some classes of a teacher's distributions?

Question: a student of 51,000 parameters learns from all 512 classes that a language
model gives each token, from the 4 or 8 largest (renormalised, or with the others
joined in a tail), or from 8 or 16 draws. How far is each from the teacher, how sure of
itself, and for how many bytes a token?
Cost: about twenty minutes of two CPU cores; stories260K in the folder that
JDISTILL_DATA names.
Command: python -m experiments.main --config=configs/cache_bias.py
    --workdir=runs/cache_bias
Expected: see docs/language.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.stories import stories


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = stories(smoke)
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    all_classes = dict(on="logits", per="token", loss="soft_cross_entropy")
    some = dict(on="sparse", loss="sparse_soft_cross_entropy")
    c.methods = dict(full=dict(terms=dict(kd=all_classes)))
    for k in (4,) if smoke else (4, 8):
        best = dict(terms=dict(kd=some), cache=dict(name="top_k", k=k))
        c.methods[f"{k} largest, renormalised"] = best | dict(renormalized=True)
        c.methods[f"{k} largest and a tail"] = best
    for n in (8,) if smoke else (8, 16):
        drawn = dict(name="random_sampled", draws=n)
        c.methods[f"{n} draws"] = dict(terms=dict(kd=some), cache=drawn)
    return c
