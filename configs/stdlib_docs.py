"""What does making a text classifier small cost?

Question: which of ten standard library packages does a docstring come from? A fully
connected classifier over hashed n-grams teaches a smaller one, which is pruned,
quantised to int8 and packed into a file at least twenty times smaller.
Cost: about four minutes on two CPU cores, five folds, nothing to download.
Command: python -m experiments.main --config=configs/stdlib_docs.py --workdir=runs/docs
Expected: the packed student is within a point of the teacher's accuracy, and above an
int8 student of the same bytes that learned from labels alone.
"""

import ml_collections

from configs.shared.arguments import is_smoke

COMPARISONS = (
    ("packed", "teacher"),
    ("packed", "equal_bytes"),
    ("distilled", "student"),
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
    c.idf_gates = True
    tx = dict(name="adam", b2=0.98, schedule="cosine", clip_norm=1.0)

    def stage(num_steps, learning_rate=1e-2, **more):
        steps = 20 if smoke else num_steps
        return dict(num_steps=steps, tx={**tx, "learning_rate": learning_rate}, **more)

    def ngrams(num_buckets, dim):
        size = dict(num_buckets=2048 if smoke else num_buckets, dim=dim)
        return dict(name="ngram_classifier", token_dropout=0.5, norm=2, **size)

    c.teacher = stage(500, model=ngrams(32768, 16))
    c.teacher_half = stage(500, model=ngrams(32768, 8))
    c.student = stage(600, model=ngrams(24576, 12))
    c.objective = dict(name="hinton", temperature=3.0, alpha=0.9)
    c.distilled = stage(600)
    sparsity = dict(name="cubic", start=0, end=10 if smoke else 240, target=0.8)
    c.pruned = stage(
        400,
        learning_rate=5e-3,
        compression=dict(
            name="magnitude",
            where="(embed|gate)/embedding",
            sparsity=sparsity,
            every=5 if smoke else 15,
        ),
    )
    c.quantised = stage(
        100,
        learning_rate=1e-3,
        compression=dict(
            name="fake_quant", bits=8, where="(embed|gate)/embedding|Dense_0/kernel"
        ),
    )
    # As many steps as the three stages of the student together.
    c.equal_bytes = stage(1100, scale=("num_buckets",))
    c.baseline = True
    c.comparisons = COMPARISONS
    return c


def _hashed(smoke):
    """Words, pairs of them and four characters, each a bucket."""
    return dict(
        name="hashed_ngrams",
        num_buckets=2048 if smoke else 32768,
        max_length=64 if smoke else 512,
        words=(1, 2),
        chars=(4,),
    )


def sweep():
    """Overrides to try, one run each."""
    for temperature in (1.0, 2.0, 3.0, 10.0):
        yield {"objective.temperature": temperature}
