"""Hinton, Vinyals and Dean's experiments on MNIST, the whole grid.

Question: how many of 10,000 test digits does a net of 2x800 units get wrong when it is
trained alone, and when a net of 2x1200 teaches it, all digits or only some of them?
Cost: fifty minutes of one CPU core a seed, three seeds; it goes on where it stopped.
tensorflow-datasets prepares the data once, for which it needs TensorFlow.
Command: python -m experiments.main --config=configs/hinton2015.py --workdir=runs/hinton
Expected: docs/results.md, beside the paper's figures.
"""

import ml_collections

from configs.shared.arguments import is_smoke


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "hinton2015"
    c.seeds = (0,) if smoke else (0, 1, 2)
    c.batch_size = 128
    c.data = dict(dataset="mnist", examples=1280 if smoke else None)
    tx = dict(name="sgd", momentum=0.9, schedule="linear", learning_rate=0.1)
    c.teacher = dict(
        widths=(64, 64) if smoke else (1200, 1200),
        dropout=0.5,
        input_dropout=0.2,
        pixels=2,
        epochs=1 if smoke else 100,
        longer=(2,) if smoke else (),
        tx=dict(tx, max_norm=2.0, clip_norm=5.0),
    )
    adam = dict(name="adam", schedule="cosine", learning_rate=1e-3)
    c.student = dict(
        widths=(32, 32) if smoke else (800, 800),
        epochs=1 if smoke else 40,
        longer=(2,) if smoke else (100,),
        moved=((2, 4),) if smoke else (),
        tx=adam,
    )
    c.objective = dict(temperature=20.0, alpha=0.9)
    c.temperatures = dict(
        units=(8,) if smoke else (300, 30),
        values=(1.0, 20.0) if smoke else (1.0, 2.0, 2.5, 4.0, 8.0, 12.0, 20.0, 40.0),
        epochs=1 if smoke else 20,
        tx=adam,
    )
    return c
