"""What does making a network small cost on 8x8 digits?

Question: how much accuracy does a fully connected network lose when it is distilled,
pruned, quantised to int8 and packed into a file at least twenty times smaller?
Cost: about two minutes on two CPU cores, five folds, nothing to download.
Command: python -m experiments.main --config=configs/digits.py --workdir=runs/digits
"""

import ml_collections


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = arg == "smoke"
    c = ml_collections.ConfigDict()
    c.experiment = "pipeline"
    c.seed = 0
    c.folds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.devices = 1
    c.batch_size = 64
    c.eval_batch = 256
    c.eval_every = 20 if smoke else 200
    c.save_every = 20 if smoke else 400
    c.data = dict(name="digits", num_folds=5)
    tx = dict(name="adamw", learning_rate=2e-3, weight_decay=1e-4, schedule="cosine")

    def stage(num_steps, **more):
        return dict(num_steps=40 if smoke else num_steps, tx=tx, **more)

    c.teacher = stage(2000, model=dict(name="mlp", widths=(256, 128), dropout=0.2))
    c.teacher_half = stage(2000, model=dict(name="mlp", widths=(128, 64), dropout=0.2))
    c.student = stage(2000, model=dict(name="mlp", widths=(48,)))
    c.objective = dict(name="hinton", temperature=4.0, alpha=0.9)
    c.distilled = stage(2000)
    sparsity = dict(name="cubic", start=0, end=30 if smoke else 1000, target=0.6)
    every = 10 if smoke else 50
    c.pruned = stage(
        1500, compression=dict(name="magnitude", sparsity=sparsity, every=every)
    )
    c.quantised = stage(1000, compression=dict(name="fake_quant", bits=8))
    c.equal_bytes = stage(2000, scale=("widths",))
    c.comparisons = (
        ("packed", "teacher"),
        ("packed", "equal_bytes"),
        ("distilled", "student"),
        ("teacher", "teacher_half"),
    )
    return c


def sweep():
    """Overrides to try, one run each."""
    for temperature in (1.0, 2.0, 4.0, 8.0):
        yield {"objective.temperature": temperature}
