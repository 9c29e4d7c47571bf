"""What does making the classic MNIST network small cost?

Question: how much accuracy does 784-128-64-10 lose against 784-512-256-10 when it is
distilled, pruned, quantised to int8 and packed?
Cost: about five minutes on two CPU cores. tensorflow-datasets prepares the data once,
for which it needs TensorFlow: pip install -e .[tfds]
Command: python -m experiments.main --config=configs/mnist.py --workdir=runs/mnist
Temperatures: --sweep objective.temperature=1,4,20
Any other set of images with labels: --config.data.dataset=fashion_mnist
"""

import ml_collections

from configs.shared.arguments import is_smoke


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "pipeline"
    c.seed = 0
    c.devices = 1
    c.folds = (0,)
    c.batch_size = 64
    c.eval_batch = 512
    c.eval_every = 20 if smoke else 1000
    c.save_every = 20 if smoke else 2000
    c.data = dict(name="tfds", dataset="mnist", trust_local=False)
    tx = dict(name="adam", schedule="cosine")

    def stage(num_steps, learning_rate=1e-3, **more):
        steps = 40 if smoke else num_steps
        return dict(num_steps=steps, tx={**tx, "learning_rate": learning_rate}, **more)

    def mlp(*widths, dropout=0.0):
        return dict(name="mlp", widths=widths, dropout=dropout)

    beside = ("teacher_half", "student")
    c.stages = ("teacher", *beside, "distilled", "pruned", "quantised")
    c.teacher = stage(10_000, model=mlp(512, 256, dropout=0.3))
    c.teacher_half = stage(10_000, model=mlp(256, 128, dropout=0.3))
    c.student = stage(10_000, model=mlp(128, 64))
    c.objective = dict(name="hinton", temperature=4.0, alpha=0.9)
    taught = dict(model="student", teacher="teacher")
    c.distilled = stage(10_000, **taught)
    sparsity = dict(name="cubic", start=0, end=30 if smoke else 3000, target=0.6)
    every = 10 if smoke else 100
    c.pruned = stage(
        5000,
        begin="distilled",
        compression=dict(name="magnitude", sparsity=sparsity, every=every),
        **taught,
    )
    c.quantised = stage(
        2000,
        learning_rate=2e-4,
        begin="pruned",
        compression=dict(name="fake_quant", bits=8),
        activations="int8",
        **taught,
    )
    # As many steps as the three stages of the student together.
    c.equal_bytes = stage(17_000, scale=("widths",))
    c.comparisons = (
        ("packed", "teacher"),
        ("packed", "equal_bytes"),
        ("distilled", "student"),
        ("teacher", "teacher_half"),
    )
    return c
