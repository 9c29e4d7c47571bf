"""What do images without labels give a small classifier, where labels are few?

Question: 150 of some 1,300 8x8 digits have a label. A convolutional network learns from
those; a fully connected student learns from those and from the teacher, on the others,
which have none. It is pruned, quantised to int8 and packed into a file.
Cost: about three minutes on two CPU cores, five folds, nothing to download.
Command: python -m experiments.main --config=configs/digits.py --workdir=runs/digits
Temperatures: --sweep objective.temperature=1,2,4,8
Expected: the distilled and the packed student are more than two points above the
student that sees the labels alone (docs/results.md).
"""

import ml_collections

from configs.shared.arguments import is_smoke

COMPARISONS = (
    ("distilled", "student"),
    ("packed", "student"),
    ("packed", "equal_bytes"),
    ("packed", "teacher"),
    ("teacher", "teacher_half"),
)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "pipeline"
    c.seed = 0
    c.folds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.devices = 1
    c.batch_size = 64
    c.eval_batch = 256
    c.eval_every = 20 if smoke else 100
    c.save_every = 20 if smoke else 300
    c.data = dict(name="digits", num_folds=5)
    c.labels = dict(examples=150, share=0.25)
    tx = dict(name="adamw", schedule="cosine", clip_norm=1.0)

    def stage(num_steps, learning_rate=3e-3, weight_decay=1e-2, **more):
        steps = 40 if smoke else num_steps
        rates = dict(learning_rate=learning_rate, weight_decay=weight_decay)
        return dict(num_steps=steps, tx={**tx, **rates}, **more)

    def large(width):
        widths = (width, 2 * width, 2 * width)
        cnn = dict(name="cnn", widths=widths, hidden=4 * width, dropout=0.5)
        return mlp(16 * width, 8 * width) if smoke else cnn

    c.stages = ("teacher", "student", "distilled", "pruned", "quantised")
    c.teacher = stage(400, model=large(16))
    if not smoke:
        c.stages = ("teacher", "teacher_half", *c.stages[1:])
        c.teacher_half = stage(400, model=large(8))
    c.student = stage(600, learning_rate=5e-3, model=mlp(128, 64))
    c.objective = dict(name="hinton", temperature=4.0, alpha=0.9)
    taught = dict(model="student", teacher="teacher")
    c.distilled = stage(600, learning_rate=5e-3, **taught)
    sparsity = dict(name="cubic", start=0, end=30 if smoke else 300, target=0.75)
    every = 10 if smoke else 25
    pruning = dict(name="magnitude", sparsity=sparsity, every=every)
    c.pruned = stage(
        500,
        learning_rate=5e-3,
        weight_decay=0.0,
        begin="distilled",
        compression=pruning,
        **taught,
    )
    c.quantised = stage(
        200,
        learning_rate=1e-3,
        weight_decay=0.0,
        begin="pruned",
        compression=dict(name="fake_quant", bits=8),
        activations="int8",
        **taught,
    )
    # As many steps as the three stages of the student together.
    c.equal_bytes = stage(1300, learning_rate=5e-3, scale=("widths",))
    pairs = [pair for pair in COMPARISONS if not smoke or pair[0] != "teacher"]
    c.comparisons = tuple(pairs)
    return c


def mlp(*widths, dropout=0.0):
    """A fully connected network."""
    return dict(name="mlp", widths=widths, dropout=dropout)
