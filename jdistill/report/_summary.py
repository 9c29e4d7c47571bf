"""Rows of an experiment -> one summary a stage."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jdistill import kinds

Row = Mapping[str, Any]
Real = float | int

WORDS = ("dense", "masked", "packed", "executed")
"""Not compressed; simulated in dense arrays; bytes really written; really run."""

CHAIN = ("teacher", "student", "distilled", "pruned", "quantised", "packed", "executed")
BASELINES = ("equal_bytes", "teacher_half", "tfidf")

FIGURES = (
    "accuracy",
    "recall_macro",
    "bits_per_byte",
    "perplexity",
    "kl",
    "agreement",
    "nll",
    "ece",
    "errors",
    "parameters",
    "bytes",
    "latency_ms",
    "compute_uJ",
    "memory_uJ",
)


class Mean(NamedTuple):
    """A mean with its standard error (None where one value tells nothing of it)."""

    value: Real
    error: Real | None


class Stage(NamedTuple):
    """What the rows of one stage say together."""

    name: str
    realised: str
    means: Mapping[str, Mean]
    rows: Sequence[Row]


def check(row: Row) -> None:
    """Refuses a row of a model that does not say how its figures came about.

    Args:
        row: values by key.

    Returns:
        None.

    Raises:
        ValueError: a row with an accuracy lacks `stage`, or its `realised` is not one
            of the four words, or its accuracy is no number.

    Example:
        >>> check({'stage': 'pruned', 'accuracy': 0.9, 'realised': 'masked'})
    """
    if not isinstance(row, Mapping):
        raise TypeError(f"a row must be a dictionary, got {kinds.got(row)}")
    if "accuracy" not in row:
        return
    if not isinstance(row.get("stage"), str):
        raise ValueError(f"a row of a model needs 'stage'; it has {', '.join(row)}")
    if not isinstance(row["accuracy"], Real | None):
        raise ValueError(f"stage {row['stage']!r}: accuracy is {row['accuracy']!r}")
    if row.get("realised") not in WORDS:
        raise ValueError(
            f"stage {row['stage']!r}: realised is {row.get('realised')!r}; "
            f"valid: {', '.join(WORDS)}"
        )


def summarize(rows: Iterable[Row]) -> tuple[Stage, ...]:
    """Groups the rows of models by stage, with means over folds.

    `mean = sum_f x_f / F`, `error = sqrt(sum_f (x_f - mean)^2 / (F (F - 1)))`, where
    `x_f` is the mean over the seeds of fold `f`; with one fold, over its seeds.

    Args:
        rows: rows of an experiment; those without an accuracy are left out.

    Returns:
        One stage each, in the order of the rows, the baselines last.

    Raises:
        ValueError: see `check`.

    Example:
        >>> row = {'stage': 'teacher', 'realised': 'dense', 'seed': 0}
        >>> rows = [{**row, 'fold': f, 'accuracy': 0.9 - f / 10} for f in (0, 1)]
        >>> mean = summarize(rows)[0].means['accuracy']
        >>> round(mean.value, 3), round(mean.error, 3)
        (0.85, 0.05)
    """
    kinds.rows(rows=rows)
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        check(row)
        if "accuracy" in row:
            groups.setdefault((row["stage"], row["realised"]), []).append(row)
    stages = [Stage(*key, _means(group), group) for key, group in groups.items()]
    return tuple(sorted(stages, key=lambda stage: _rank(stage.name)))


def find(stages: Iterable[Stage], name: str) -> Stage | None:
    """The stage of a name, or None.

    Example:
        >>> find((), 'teacher') is None
        True
    """
    return next((stage for stage in stages if stage.name == name), None)


def mean_over_folds(rows: Sequence[Row], values: Sequence[Real | None]) -> Mean | None:
    """The mean of one value a row, with its standard error over folds.

    Example:
        >>> mean_over_folds([{'fold': 0}, {'fold': 1}], [1.0, 3.0])
        Mean(value=2.0, error=1.0)
    """
    folds: dict[Any, list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        if value is not None and math.isfinite(value):
            folds.setdefault(row.get("fold"), []).append(float(value))
    if not folds:
        return None
    points = [statistics.fmean(fold) for fold in folds.values()]
    points = next(iter(folds.values())) if len(points) == 1 else points
    count = len(points)
    error = statistics.stdev(points) / math.sqrt(count) if count > 1 else None
    return Mean(statistics.fmean(points), error)


def _means(rows: Sequence[Row]) -> dict[str, Mean]:
    def figure(row, key):
        if key.endswith("_uJ"):
            return (row.get("energy") or {}).get(key)
        return row.get(key)

    found = {k: mean_over_folds(rows, [figure(r, k) for r in rows]) for k in FIGURES}
    return {key: mean for key, mean in found.items() if mean is not None}


def _rank(name: str) -> int:
    return (None, *BASELINES).index(name if name in BASELINES else None)
