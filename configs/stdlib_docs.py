"""What do texts without labels give a small classifier, where labels are few?

Question: which of ten standard library packages does a docstring come from? 1,000
docstrings have a label. A teacher learns from those; a student of an eighth of its size
learns from those and from the teacher, on the other 600 of the training part and on the
library's comments, which have none. It is pruned, quantised to int8 and packed.
Cost: about five minutes on two CPU cores, five folds, nothing to download.
Command: python -m experiments.main --config=configs/stdlib_docs.py --workdir=runs/docs
Temperatures: --sweep objective.temperature=1,2,4
Without the comments: --config.labels.pool= --config.labels.share=0.5
Expected: the distilled and the packed student are a point and a half above the student
that sees the labels alone, and far above an int8 student of the file's bytes
(docs/results.md).
"""

import ml_collections

from configs.shared.arguments import is_smoke

COMPARISONS = (
    ("distilled", "student"),
    ("packed", "student"),
    ("packed", "equal_bytes"),
    ("packed", "teacher"),
    ("teacher", "tfidf"),
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
    c.eval_every = 10 if smoke else 100
    c.save_every = 10 if smoke else 200
    c.data = dict(name="stdlib_docs", num_folds=5, prepare=_hashed(smoke))
    c.labels = dict(examples=1000, share=0.25, pool="stdlib_comments")
    c.idf_gates = True
    tx = dict(name="adam", b2=0.98, schedule="cosine", clip_norm=1.0)

    def stage(num_steps, learning_rate=1e-2, **more):
        steps = 10 if smoke else num_steps
        return dict(num_steps=steps, tx={**tx, "learning_rate": learning_rate}, **more)

    c.stages = ("teacher", "student", "distilled", "pruned", "quantised")
    c.teacher = stage(500, model=ngrams(32768, 16, smoke))
    if not smoke:
        c.stages = ("teacher", "teacher_half", *c.stages[1:])
        c.teacher_half = stage(500, model=ngrams(32768, 8))
    c.student = stage(1200, model=ngrams(8192, 8, smoke))
    c.objective = dict(name="hinton", temperature=2.0, alpha=0.9)
    taught = dict(model="student", teacher="teacher")
    c.distilled = stage(1200, **taught)
    sparsity = dict(name="cubic", start=0, end=5 if smoke else 200, target=0.5)
    c.pruned = stage(
        300,
        learning_rate=5e-3,
        compression=dict(
            name="magnitude",
            where="(embed|gate)/embedding",
            sparsity=sparsity,
            every=5 if smoke else 15,
        ),
        begin="distilled",
        **taught,
    )
    c.quantised = stage(
        100,
        learning_rate=1e-3,
        compression=dict(
            name="fake_quant", bits=8, where="(embed|gate)/embedding|Dense_0/kernel"
        ),
        begin="pruned",
        activations="int8",
        **taught,
    )
    # As many steps as the three stages of the student together.
    c.equal_bytes = stage(1600, scale=("num_buckets",))
    c.baseline = not smoke
    pairs = [pair for pair in COMPARISONS if not smoke or "teacher" not in pair[:1]]
    c.comparisons = tuple(pairs)
    return c


def ngrams(num_buckets, dim, smoke=False):
    """A classifier over weighted means of n-gram embeddings."""
    size = dict(num_buckets=1024 if smoke else num_buckets, dim=dim)
    return dict(name="ngram_classifier", token_dropout=0.5, norm=2, **size)


def _hashed(smoke):
    """Words, pairs of them and four characters, each a bucket."""
    return dict(
        name="hashed_ngrams",
        num_buckets=1024 if smoke else 32768,
        max_length=32 if smoke else 512,
        words=(1, 2),
        chars=(4,),
    )
