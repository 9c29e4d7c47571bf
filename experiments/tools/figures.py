"""The figures of one model: quality, size, time, energy."""

from typing import Any, NamedTuple

import numpy as np

from experiments.tools import few
from experiments.tools.training import Job
from jdistill import data, report
from jdistill.evaluate import predict
from jdistill.typing import Frozen, Model


class Figures(NamedTuple):
    """A row, and which of the test examples with a label were right."""

    row: dict[str, Any]
    correct: np.ndarray


def of(
    job: Job,
    stage: str,
    model: Model,
    frozen: Frozen,
    teacher: tuple[Model, Frozen],
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
    return Figures({**row, "data": dict(job.dataset.info)}, right)


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
