"""What do losses between transformers gain on 8x8 digits?

Question: a vision transformer of two narrow layers learns from one of four, on digits
in patches of 2x2. Which loss between their states and attention gains something over
labels alone, and over plain KL?
Cost: about fifteen minutes of one CPU core, nothing to download.
Command: python -m experiments.main --config=configs/vision_transformers.py
    --workdir=runs/vit
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.pairs import HARD, beside, residual_digits, through
from configs.transformers import FEW, methods, taps


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    shallow, deep = (1, 1) if smoke else (2, 4)
    ours, theirs = taps(shallow - 1), taps(deep - 1)

    def vit(depth, dim, tapped):
        size = dict(patch=2, depth=depth, dim=dim, heads=4, mlp_dim=2 * dim)
        return dict(name="vit", **size, taps=tuple(tapped.values()))

    found = methods(ours, theirs)
    chosen = {n: found[n] for n in ("attention_scores", "attention_kl", "minilm")}
    # Images have no mask of tokens to count by: the states of all patches as one array.
    states = dict(student=through("linear", ours["last"]), teacher=theirs["last"])
    chosen["fitnet"] = beside(on="features", loss="fitnet", **states)
    c = residual_digits(chosen, smoke=smoke, few=(*FEW, "fitnet"))
    c.tx = dict(name="adam", schedule="cosine", learning_rate=2e-3, clip_norm=1.0)
    c.teacher = dict(model=vit(deep, 32 if smoke else 64, theirs), terms=dict(ce=HARD))
    c.student = dict(model=vit(shallow, 16, ours))
    return c
