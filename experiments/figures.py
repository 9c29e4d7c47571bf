"""The figures of one model: quality, size, time, energy."""

import functools
from typing import Any, NamedTuple

import numpy as np

from experiments import few
from experiments.training import Job
from jdistill import artifact, data, metrics, ops, report, tree
from jdistill.evaluate import evaluate, predict
from jdistill.typing import Frozen, Model


class Figures(NamedTuple):
    """A row's figures, and which of the test examples with a label were right."""

    row: dict[str, Any]
    correct: np.ndarray


@functools.cache
def _metrics() -> dict[str, Any]:
    averages = ("macro", "micro")
    named = {"precision": metrics.precision, "recall": metrics.recall, "f1": metrics.f1}
    return {
        "accuracy": metrics.accuracy(),
        **{f"{n}_{a}": make(average=a) for n, make in named.items() for a in averages},
        **{f"{n}_per_class": make(average="per_class") for n, make in named.items()},
        "confusion": metrics.confusion(),
        "nll": metrics.nll(),
        "ece": metrics.ece(),
        "agreement": metrics.agreement(),
    }


def of(
    job: Job,
    model: Model,
    frozen: Frozen,
    teacher: tuple[Model, Frozen],
    packed: artifact.Packed | None = None,
) -> Figures:
    """Everything that a row says of a model, on the test part of the fold."""
    test, size = job.dataset.test, job.config["eval_batch"]
    found = evaluate(
        model,
        frozen,
        data.eval_batches(test, batch_size=size),
        metrics=_metrics(),
        teacher=teacher,
    )
    logits = predict(model, frozen, data.eval_batches(test, batch_size=size))
    whole = test.take(np.arange(test.size))
    labelled = np.asarray(whole.get("label_mask", np.ones(test.size))) != 0
    batch = next(iter(data.eval_batches(test, batch_size=size)))
    row = {
        **found,
        "classes": list(test.classes),
        "examples": int(labelled.sum()),
        "parameters": tree.count(frozen.params),
        "sparsity": _zeros(frozen),
        "latency_ms": report.latency(predict, model, frozen, [batch], repeats=10),
        "latency_batch": size,
        "energy": energy(model, frozen, batch, packed),
        "data": dict(job.dataset.info),
    }
    return Figures(row, (np.argmax(logits, axis=-1) == whole["label"])[labelled])


def energy(
    model: Model, frozen: Frozen, batch: Any, packed: artifact.Packed | None
) -> dict[str, Any]:
    """The estimate for one example: weights as stored, activations as computed.

    A weight that no product reads is a table whose rows are looked up, one a token.
    """
    one = {name: x[:1] for name, x in batch.items()}

    def forward(params, batch):
        return model.apply(params, frozen.state, batch, train=False)[0].logits

    counted = ops.count(forward, frozen.params, one)
    whole = tree.num_bytes(frozen.params)
    stored = 1.0 if packed is None else packed.bytes / whole
    integer = set(frozen.state.get("weights", ())) if frozen.state else set()
    adds = {"float32": 0, "int8": 0}
    activations = 0.0
    for key, cost in counted.ops.items():
        is_int8 = key.split("#")[0] in integer
        adds["int8" if is_int8 else "float32"] += cost.multiply_adds
        activations += cost.activation_bytes / (4 if is_int8 else 1)
    tables = ops.uncovered(forward, frozen.params, one)
    tokens = one["inputs"].shape[1] if tables else 0
    rows = sum(4 * tokens * tree.flatten(frozen.params)[t].shape[-1] for t in tables)
    moved = (counted.total.weight_bytes + rows) * stored + activations
    return report.energy(adds, moved)


def _zeros(frozen: Frozen) -> float:
    """The share of the parameters that are zero."""
    leaves = tree.flatten(frozen.params).values()
    kept = sum(int(np.count_nonzero(np.asarray(leaf))) for leaf in leaves)
    return 1 - kept / tree.count(frozen.params)


def float_bytes(frozen: Frozen) -> int:
    """The bytes of the parameters as the arrays they are."""
    return tree.num_bytes(frozen.params)


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
