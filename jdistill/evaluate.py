"""Evaluation: metrics of a model over batches, and its logits.

One program computes the sums of all metrics of a batch. It is kept for the model and
the metrics, so that evaluating again during training compiles nothing.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.typing import Batch, Frozen, Metric, Model


def evaluate(
    model: Model,
    frozen: Frozen,
    batches: Iterable[Batch],
    *,
    metrics: Mapping[str, Metric],
    teacher: tuple[Model, Frozen] | None = None,
) -> dict[str, Any]:
    """The figures of a model over batches; padded examples count for nothing.

    Batches of one shape, the last one padded, need one compilation, which lasts for as
    long as the same model and metrics come back. Batches may be sharded over devices.

    Args:
        model: the network, such as a student.
        frozen: its variables.
        batches: arrays by name; a generator is used up.
        metrics: by the names that the result has.
        teacher: the network and variables that agreement is with; without it
            `teacher_logits` of the batches.

    Returns:
        A float, or a NumPy array for a figure of each class, by name.

    Raises:
        ValueError: there are no batches or no metrics, or a metric needs a teacher.

    Example:
        >>> from jdistill import metrics
        >>> model = Model(lambda key, batch: ({}, {}),
        ...     lambda params, state, batch, **_: (Outputs(batch["inputs"]), state))
        >>> from jdistill.typing import Outputs
        >>> batch = {"inputs": np.eye(2), "label": np.array([0, 0])}
        >>> evaluate(model, Frozen({}), [batch], metrics={"acc": metrics.accuracy()})
        {'acc': 0.5}
    """
    if not metrics:
        raise ValueError("evaluate needs metrics=, such as {'accuracy': accuracy()}")
    teacher_model, teacher_frozen = teacher or (None, None)
    parts = tuple((name, metric.sums) for name, metric in metrics.items())
    sums = _sums(model.apply, teacher_model and teacher_model.apply, parts)
    totals = None
    for batch in batches:
        part = sums(frozen, teacher_frozen, dict(batch))
        totals = part if totals is None else _add(totals, part)
    if totals is None:
        raise ValueError("there are no batches to evaluate on")
    totals = jax.device_get(totals)
    return {n: _figure(metrics[n].finish(totals[n])) for n in metrics}


def predict(model: Model, frozen: Frozen, batches: Iterable[Batch]) -> np.ndarray:
    """The logits of every example that is not padding, in the order of the batches.

    Args:
        model: the network.
        frozen: its variables.
        batches: arrays by name; a generator is used up.

    Returns:
        `[size, ..., classes]`, in the model's own type.

    Raises:
        ValueError: there are no batches.

    Example:
        >>> model = Model(lambda key, batch: ({}, {}),
        ...     lambda params, state, batch, **_: (Outputs(batch["inputs"]), state))
        >>> from jdistill.typing import Outputs
        >>> batch = {"inputs": np.eye(2), "mask": np.array([1, 0])}
        >>> predict(model, Frozen({}), [batch])
        array([[1., 0.]], dtype=float32)
    """
    logits = _logits(model.apply)
    found = []
    for batch in batches:
        rows = np.asarray(logits(frozen, dict(batch)))
        found.append(rows[np.asarray(batch.get("mask", np.ones(len(rows)))) != 0])
    if not found:
        raise ValueError("there are no batches to predict")
    return np.concatenate(found)


@functools.lru_cache(maxsize=32)
def _sums(
    apply: Callable[..., Any],
    teacher_apply: Callable[..., Any] | None,
    parts: tuple[tuple[str, Callable[..., Any]], ...],
) -> Callable[..., dict[str, Any]]:
    def sums(frozen, teacher_frozen, batch):
        student, _ = apply(frozen.params, frozen.state, batch, train=False)
        teacher = None
        if teacher_apply is not None:
            theirs = teacher_frozen.params, teacher_frozen.state
            teacher, _ = teacher_apply(*theirs, batch, train=False)
        return {
            name: _named(name, part)(student, teacher, batch) for name, part in parts
        }

    return jax.jit(sums)


@functools.lru_cache(maxsize=32)
def _logits(apply: Callable[..., Any]) -> Callable[..., Any]:
    def logits(frozen, batch):
        return apply(frozen.params, frozen.state, batch, train=False)[0].logits

    return jax.jit(logits)


@functools.partial(jax.jit, donate_argnums=0)
def _add(totals, part):
    return jax.tree.map(jnp.add, totals, part)


def _named(name, part):
    def call(*args):
        try:
            return part(*args)
        except ValueError as error:
            raise ValueError(f"metric {name!r}: {error}") from error

    return call


def _figure(value):
    value = np.asarray(value)
    return float(value) if value.ndim == 0 else value
