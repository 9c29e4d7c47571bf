"""Evaluation: metrics of a model over batches, its logits, and all its outputs.

One program computes the sums of all metrics of a batch. It is kept for as long as the
model lives, so that evaluating again during training compiles nothing.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import kinds, programs, views
from jdistill import metrics as figures
from jdistill.batching import batched
from jdistill.typing import (
    Apply,
    Batch,
    Frozen,
    Metric,
    Model,
    Needs,
    Outputs,
    Split,
    Tree,
    Views,
)

Network = tuple[Model, Frozen]
"""A network and its variables."""

SOME = "a dictionary by name, such as {'accuracy': metrics.accuracy()}, or left out"


def evaluate(
    model: Model,
    frozen: Frozen,
    batches: Iterable[Batch] | Split,
    *,
    metrics: Mapping[str, Metric] | None = None,
    teacher: Network | None = None,
    others: Mapping[str, Network] | None = None,
) -> dict[str, Any]:
    """The figures of a model over a split or batches; padding counts for nothing.

    Batches of one shape, the last one padded, need one compilation, which lasts for as
    long as the model does. Variables from the host are put on the device once. Batches
    may be sharded over devices.

    Args:
        model: the network, such as a student.
        frozen: its variables.
        batches: a split, such as `dataset.test`, or arrays by name; a generator is used
            up.
        metrics: by the names that the result has. By default those of
            `metrics.usual`: of classes `accuracy`, `recall_macro`, `nll` and `ece`, of
            several labels an example average precision, F1 and others; beside a
            `teacher` also `agreement`. Labels of the split, or of the first of other
            batches, say which.
        teacher: the network and variables that agreement is with; without it what
            `outputs` of the batches has of the 'teacher'.
        others: more networks that metrics read, by name.

    Returns:
        A float, or a NumPy array for a figure of each class, by name.

    Raises:
        ValueError: there are no batches or no metrics, or a metric needs a network
            that is not there.
        TypeError: something was mistaken for another, such as a whole data set for a
            part of it.

    Example:
        >>> from jdistill import metrics
        >>> model = Model(lambda key, batch: ({}, {}),
        ...     lambda params, state, batch, **_: (Outputs(batch["inputs"]), state))
        >>> batch = {"inputs": np.eye(2), "label": np.array([0, 0])}
        >>> found = evaluate(model, Frozen({}), [batch])
        >>> list(found), found["accuracy"]
        (['accuracy', 'recall_macro', 'nll', 'ece'], 0.5)
        >>> evaluate(model, Frozen({}), [batch], metrics={"f1": metrics.f1()})
        {'f1': 0.3333333432674408}
    """
    given, batches = batches, _checked(model, frozen, batches)
    if metrics is None:
        first, batches = _first(given, batches)
        metrics = figures.usual(first, teacher=teacher is not None)
    _check_metrics(metrics)
    kinds.mapping(others={} if others is None else others)
    networks = {views.STUDENT: (model, frozen), **(others or {})}
    if teacher is not None:
        networks[views.TEACHER] = teacher
    _check_networks(networks)
    models = tuple((name, network) for name, (network, _) in networks.items())
    variables = _placed({name: theirs for name, (_, theirs) in networks.items()})
    parts = tuple((name, metric.sums) for name, metric in metrics.items())
    known = model.cap, model.words
    sums = _sums(model.apply, model.head, known, models[1:], parts)
    totals = None
    for batch in batches:
        part = sums(variables, dict(batch))
        totals = part if totals is None else _add(totals, part)
    if totals is None:
        raise ValueError("there are no batches to evaluate on")
    totals = jax.device_get(totals)
    return {n: _figure(metrics[n].finish(totals[n])) for n in metrics}


def predict(
    model: Model, frozen: Frozen, batches: Iterable[Batch] | Split
) -> np.ndarray:
    """The logits of every example that is not padding, in the order of the batches.

    Args:
        model: the network.
        frozen: its variables.
        batches: a split, or arrays by name; a generator is used up.

    Returns:
        `[size, ..., classes]`, in the model's own type.

    Raises:
        ValueError: there are no batches.

    Example:
        >>> model = Model(lambda key, batch: ({}, {}),
        ...     lambda params, state, batch, **_: (Outputs(batch["inputs"]), state))
        >>> batch = {"inputs": np.eye(2), "mask": np.array([1, 0])}
        >>> predict(model, Frozen({}), [batch])
        array([[1., 0.]], dtype=float32)
    """
    batches = _checked(model, frozen, batches)
    logits, frozen = _logits(model.apply), _placed(frozen)
    found = []
    for batch in batches:
        rows = np.asarray(logits(frozen, dict(batch)))
        found.append(rows[np.asarray(batch.get("mask", np.ones(len(rows)))) != 0])
    if not found:
        raise ValueError("there are no batches to predict")
    return np.concatenate(found)


def outputs_of(
    model: Model,
    frozen: Frozen,
    batches: Iterable[Batch] | Split,
    *,
    needs: Needs = None,
) -> Outputs:
    """All outputs of every example that is not padding, in the order of the batches.

    What a `data.cache` is made of.

    Args:
        model: the network.
        frozen: its variables.
        batches: a split, or arrays by name; a generator is used up.
        needs: which of the outputs, as `(network, part)` of a network called
            'teacher'; an objective's own `needs`. All by default.

    Returns:
        `Outputs` of arrays `[size, ...]` on the host, in the model's own types.

    Raises:
        ValueError: there are no batches.

    Example:
        >>> model = Model(lambda key, batch: ({}, {}),
        ...     lambda params, state, batch, **_: (Outputs(batch["inputs"]), state))
        >>> batch = {"inputs": np.eye(2), "mask": np.array([1, 0])}
        >>> outputs_of(model, Frozen({}), [batch]).logits
        array([[1., 0.]], dtype=float32)
    """
    batches = _checked(model, frozen, batches)
    forward, frozen = _outputs(model.apply, needs), _placed(frozen)
    found = []
    for batch in batches:
        rows = jax.device_get(forward(frozen, dict(batch)))
        size = jax.tree.leaves(rows)[0].shape[0]
        real = np.asarray(batch.get("mask", np.ones(size))) != 0
        found.append(jax.tree.map(lambda x, real=real: x[real], rows))
    if not found:
        raise ValueError("there are no batches to compute outputs of")
    return jax.tree.map(lambda *parts: np.concatenate(parts), *found)


def _checked(model: Any, frozen: Any, batches: Any) -> Iterable[Batch]:
    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    return batched(batches)


def _first(given: Any, batches: Iterable[Batch]) -> tuple[Batch, Iterable[Batch]]:
    """What shows the kind of the labels, and all batches again."""
    if isinstance(given, Split) and given.arrays is not None:
        return given.arrays, batches
    rest = iter(batches)
    some = [*itertools.islice(rest, 1)]
    return some[0] if some else {}, itertools.chain(some, rest)


def _check_metrics(metrics: Any) -> None:
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics must be {SOME}, got {kinds.got(metrics)}")
    if not metrics:
        raise ValueError(f"metrics is empty: it must be {SOME}")
    for name, metric in metrics.items():
        kinds.instance(Metric, "a Metric", {f"metrics[{name!r}]": metric})


def _check_networks(networks: Mapping[str, Any]) -> None:
    for name, network in networks.items():
        if (
            not isinstance(network, tuple)
            or len(network) != 2
            or not (isinstance(network[0], Model) and isinstance(network[1], Frozen))
        ):
            raise TypeError(f"{name} must be (model, frozen), got {kinds.got(network)}")


def _placed(variables: Any) -> Any:
    """Arrays of the host on the device, once and not with every batch."""
    return jax.tree.map(
        lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, variables
    )


@programs.kept
def _sums(
    apply: Apply,
    head: Callable[[Tree], Any] | None,
    known: tuple[float | None, int | None],
    others: tuple[tuple[str, Model], ...],
    parts: tuple[tuple[str, Callable[[Views, Batch], Any]], ...],
) -> Callable[[Mapping[str, Frozen], dict[str, Any]], dict[str, Any]]:
    cap, words = known
    student = Model(lambda *_: ({}, {}), apply, head, cap=cap, words=words)
    models = {views.STUDENT: student}
    models |= dict(others)

    def sums(variables, batch):
        networks = {name: (model, variables[name]) for name, model in models.items()}
        # a network that is given is computed, whatever a cache holds under its name;
        # what a metric does not read the compiler leaves out
        cached = batch.get("outputs", {}).items()
        batch["outputs"] = {name: x for name, x in cached if name not in networks}
        batch = views.join(batch, networks, None)
        seen = views.views_of(networks, batch["outputs"])
        return {name: _named(name, part)(seen, batch) for name, part in parts}

    return jax.jit(sums)


@programs.kept
def _logits(apply: Apply) -> Callable[[Frozen, Batch], Any]:
    def logits(frozen, batch):
        outputs, _ = apply(frozen.params, frozen.state, batch, train=False)
        return views.logits_of({views.STUDENT: views.View(outputs)})

    return jax.jit(logits)


@programs.kept
def _outputs(apply: Apply, needs: Needs) -> Callable[[Frozen, Batch], Outputs]:
    def outputs(frozen, batch):
        found, _ = apply(frozen.params, frozen.state, batch, train=False)
        return views.pick(found, views.TEACHER, needs)

    return jax.jit(outputs)


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
