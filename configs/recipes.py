"""Which recipe? Temperature, alpha, steps, teachers and unlabelled examples compared.

Question: where labels are few, what of a recipe decides what a student gains from a
teacher over the labels alone? One student of each data set learns with one change at a
time from plain distillation at temperature 2 and alpha 0.9; then the same with the
unlabelled examples in the batch.
Cost: beside other work on two CPU cores, 7 minutes for titles, 12 for docs, half an
hour for digits and for mnist; digits and docs need nothing else, the others files.
Command: python -m experiments.main --config=configs/recipes.py:digits --workdir=runs/r
The others are `docs`, `mnist` (in the folder of MNIST's training files, or with
--config.data.train=FILE --config.data.label=FILE) and
`titles` (--config.data.train=FILE with lines of text, tab, class; published with 10,000
titles of THUCNews, Chinese news of ten kinds).
Expected: the tables of docs/recipes.md: what has no label gains most, at temperature 1.
"""

import ml_collections

from configs.shared.few_digits import ALONE, CE, SHARE, cnn, decayed, taught

NAMES = ("digits", "docs", "mnist", "titles")
SMOKE = ("alone", "kl", "unlabelled", "unlabelled, early teacher")


def get_config(arg: str = "digits") -> ml_collections.ConfigDict:
    """The name of a data set is its published run, `smoke` a run of seconds.

    Raises:
        ValueError: there is no such data set.
    """
    name, smoke = ("digits", True) if arg == "smoke" else (arg or "digits", False)
    if name not in NAMES:
        raise ValueError(f"no run {arg!r}; valid: {', '.join(NAMES)}, smoke")
    c = ml_collections.ConfigDict()
    c.experiment = "teachers"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 64
    c.eval_batch = 256
    c.idf_gates = name in ("docs", "titles")
    c.update(dict(digits=digits, docs=docs, mnist=mnist, titles=titles)[name]())
    steps = c.num_steps = 8 if smoke else c.num_steps
    teacher = dict(model="teacher", terms=dict(ce=CE), tx=c.teacher_tx)
    del c.teacher_tx
    c.before = dict(
        teacher=teacher,
        small=dict(teacher, model="small"),
        large=dict(teacher, model="large"),
        early=dict(teacher, num_steps=max(1, steps // 8)),
    )
    c.methods = methods(steps)
    if smoke:
        c.methods = {name: c.methods[name] for name in SMOKE}
    c.against = ("alone", "kl", "unlabelled")
    return c


def methods(steps: int) -> dict[str, list[dict]]:
    """One change at a time, on the labelled examples and then on all."""

    def kl(terms=None, of="teacher", **more):
        terms = taught() if terms is None else terms
        return [dict(terms=terms, others=dict(teacher=of), **more)]

    every = dict(data=dict(share=SHARE))
    longer = dict(num_steps=4 * steps)
    found = dict(alone=ALONE, kl=kl(), unlabelled=kl(**every))
    found["alone, 4x steps"] = [dict(ALONE[0], **longer)]
    for name, part in (("", {}), ("unlabelled, ", every)):
        for temperature in (1.0, 4.0, 8.0):
            found[f"{name}temperature {temperature:g}"] = kl(
                taught(temperature=temperature), **part
            )
        found[f"{name}alpha 1/2"] = kl(taught(0.5, 0.5), **part)
        found[f"{name}4x steps"] = kl(**part, **longer)
        for of in ("small", "large", "early"):
            found[f"{name}{of} teacher"] = kl(of=of, **part)
    return found


def digits():
    """150 labels; a convolutional network teaches a fully connected one."""
    return dict(
        data=dict(name="digits", num_folds=5),
        labelled=150,
        num_steps=600,
        tx=decayed(5e-3),
        teacher_tx=decayed(3e-3),
        networks=dict(
            teacher=cnn(16),
            small=cnn(4),
            large=cnn(32),
            student=dict(name="mlp", widths=(32,)),
        ),
    )


def mnist():
    """300 labels; a fully connected network with dropout teaches a small one."""
    return dict(
        data=dict(
            name="idx",
            train="train-images-idx3-ubyte.gz",
            label="train-labels-idx1-ubyte.gz",
            num_folds=5,
        ),
        labelled=300,
        num_steps=1000,
        tx=decayed(2e-3),
        teacher_tx=decayed(1e-3),
        networks=dict(
            teacher=dict(name="mlp", widths=(512, 256), dropout=0.5),
            small=dict(name="mlp", widths=(64, 32), dropout=0.2),
            large=dict(name="mlp", widths=(1024, 1024), dropout=0.5),
            student=dict(name="mlp", widths=(32,)),
        ),
    )


def docs():
    """1,000 labelled docstrings."""
    prepare = dict(name="hashed_ngrams", num_buckets=32768, max_length=512)
    return texts(
        dict(name="stdlib_docs", num_folds=5),
        dict(prepare, words=(1, 2), chars=(4,)),
    )


def titles():
    """1,000 labelled titles of Chinese news, read as single characters and pairs."""
    prepare = dict(name="hashed_ngrams", num_buckets=32768, max_length=64)
    files = dict(name="csv", train="titles.txt", num_folds=5, delimiter="\t")
    return texts(
        dict(files, columns=("text", "label")), dict(prepare, words=(1,), chars=(1, 2))
    )


def texts(data, prepare):
    """Means of n-gram embeddings teach such of fewer buckets and dimensions."""
    tx = dict(name="adam", b2=0.98, schedule="cosine", clip_norm=1.0)
    tx["learning_rate"] = 1e-2
    return dict(
        data=dict(data, prepare=prepare),
        labelled=1000,
        num_steps=500,
        tx=tx,
        teacher_tx=tx,
        networks=dict(
            teacher=ngrams(32768, 16),
            small=ngrams(32768, 4),
            large=ngrams(32768, 64),
            student=ngrams(8192, 8),
        ),
    )


def ngrams(num_buckets, dim):
    """A classifier over weighted means of n-gram embeddings."""
    size = dict(num_buckets=num_buckets, dim=dim)
    return dict(name="ngram_classifier", token_dropout=0.5, norm=2, **size)
