"""One table of all losses: each distils the same pair of residual networks on digits.

Question: which losses between logits, features and relations, and which penalties, gain
something over the student alone, and over plain KL, beyond the noise of five seeds?
Cost: forty minutes of one CPU core, nothing to download; it goes on where it stopped.
Command: python -m experiments.main --config=configs/losses.py --workdir=runs/losses
Expected: docs/results.md. Most gains are within the noise.
"""

import ml_collections

from configs import features, logits, relations
from configs.shared.arguments import is_smoke
from configs.shared.pairs import beside


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    c = logits.get_config(arg)
    for family in (features, relations):
        c.methods.update(family.get_config(arg).methods)
    if not is_smoke(arg):
        c.methods.update(penalties())
    return c


def penalties() -> dict[str, list[dict]]:
    """Each penalty of the kernels at the usual weight of `l2`."""

    def shrunk(loss):
        return beside(1e-4, on="params", loss=loss, where=".*/kernel")

    return {name: shrunk(name) for name in ("l1", "l2", "group_lasso")}
