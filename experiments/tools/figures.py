"""The figures of one model: quality, size, time, energy."""

from typing import Any, NamedTuple

import numpy as np

from experiments.tools import few
from experiments.tools.networks import reads
from experiments.tools.training import Job
from jdistill import data, report
from jdistill.evaluate import predict
from jdistill.typing import Frozen, Model

OF_A_CALL = ("latency_ms", "latency_batch", "energy")
"""What a row says of one call of the network."""


class Figures(NamedTuple):
    """A row, and which of the test examples with a label were right."""

    row: dict[str, Any]
    correct: np.ndarray


def of(
    job: Job,
    stage: str,
    model: Model,
    frozen: Frozen,
    teacher: tuple[Model, Frozen] | None,
    **how: Any,
) -> Figures:
    """Everything that a row says of a model, on the test part of the fold.

    `how` are the keywords of `report.row` that say how the figures came about.
    """
    test, size = job.dataset.test, job.config["eval_batch"]
    row = report.row(
        stage, model, frozen, test, teacher=teacher, batch_size=size, **how
    )
    logits = predict(model, frozen, data.eval_batches(test, batch_size=size))
    whole = test.take(np.arange(test.size))
    labelled = np.asarray(whole.get("label_mask", np.ones(test.size))) != 0
    right = (np.argmax(logits, axis=-1) == whole["label"])[labelled]
    row = _with_reader(row, job)
    return Figures({**row, "data": dict(job.dataset.info)}, right)


def _with_reader(row: dict[str, Any], job: Job) -> dict[str, Any]:
    """With the size of the network that made a stage's inputs, if one did.

    Time and energy are of what stands behind it alone, and left out.
    """
    stage = row["stage"]
    reader = job.dataset.info[stage] if reads(job.config, stage) else {}
    if "parameters" not in reader:
        return row
    row = {name: value for name, value in row.items() if name not in OF_A_CALL}
    zeros = row["sparsity"] * row["parameters"]
    parameters = row["parameters"] + reader["parameters"]
    sizes = {"parameters": parameters, "bytes": row["bytes"] + reader["bytes"]}
    return {**row, **sizes, "sparsity": zeros / parameters}


def tfidf(job: Job) -> tuple[dict[str, Any], np.ndarray]:
    """The row of TF-IDF with logistic regression on the same texts."""
    spec = job.config["data"]
    folds = {"num_folds": spec["num_folds"]} if "num_folds" in spec else {}
    texts = data.stdlib_texts(fold=job.fold, **folds)
    kept = np.flatnonzero(few.rows(job.config, len(texts.train.texts)))
    some = tuple(texts.train.texts[row] for row in kept)
    labelled = data.Texts(some, texts.train.label[kept], texts.train.classes)
    texts = texts._replace(train=labelled)
    found = data.tfidf_baseline(texts)
    classes = len(texts.train.classes)
    row = {
        "stage": "tfidf",
        "realised": "dense",
        "accuracy": found.accuracy,
        "recall_macro": found.recall_macro,
        "bytes": 4 * (found.features + 1) * classes,
        "C": found.C,
    }
    return row, found.correct
