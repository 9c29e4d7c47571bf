"""Does it help a CTC network to learn from its teacher's frames, and from which?

Question: a small convolutional network reads strings of 8x8 digits column by column. Is
it better when it also learns from a larger one, frame by frame: from all frames, from
those where the teacher sees a digit, or from the digits' probabilities without blank?
Cost: about eight minutes of one CPU core, nothing to download.
Command: python -m experiments.main --config=configs/sequences.py --workdir=runs/ctc
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "ctc"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 32
    c.num_steps = 5 if smoke else 1500
    c.examples = 64 if smoke else 1000
    c.test_examples = 50 if smoke else 1000
    c.tx = dict(name="adam", schedule="cosine", learning_rate=2e-3, clip_norm=1.0)
    c.teacher = dict(width=4 if smoke else 64, depth=3)
    c.student = dict(width=4 if smoke else 12, depth=2)

    def frames(loss):
        kd = dict(on="logits", loss=loss, per="token", temperature=1.0, weight=10.0)
        return dict(kd=kd)

    losses = ("ctc_kl",) if smoke else ("kl", "ctc_kl", "ctc_kl_without_blank")
    c.methods = {} if smoke else {"alone": {}}
    c.methods.update({loss: frames(loss) for loss in losses})
    c.against = tuple(n for n in ("alone", "kl") if n in c.methods)
    return c
