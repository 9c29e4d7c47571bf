"""Rows of an experiment -> one summary a stage."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jdistill import kinds
from jdistill.report._quality import FIGURES, Figure, checked
from jdistill.report._quality import Real as Real

Row = Mapping[str, Any]

WORDS = ("dense", "masked", "packed", "executed")
"""Not compressed; simulated in dense arrays; bytes really written; really run."""

CHAIN = ("teacher", "student", "distilled", "pruned", "quantised", "packed", "executed")
BASELINES = ("equal_bytes", "teacher_half", "tfidf")

COSTS = (
    "errors",
    "parameters",
    "sparsity",
    "bytes",
    "seconds",
    "latency_ms",
    "compute_uJ",
    "memory_uJ",
)
"""Of a model: each fold counts alike."""


PLACE = ("fold", "seed", "of", "against", "metric")
"""What tells rows of one stage apart."""


class Mean(NamedTuple):
    """A mean with its standard error (None where one value tells nothing of it)."""

    value: Real
    error: Real | None


class Stage(NamedTuple):
    """What the rows of one stage say together.

    `sizes` are the test examples of each fold by which its means are weighted, empty
    where each fold counts alike.
    """

    name: str
    realised: str
    means: Mapping[str, Mean]
    rows: Sequence[Row]
    sizes: Mapping[Any, Real] = {}


def check(row: Row, *, figures: Sequence[Figure] = FIGURES) -> None:
    """Refuses a row of a model that does not say how its figures came about.

    Args:
        row: values by key; that of a model has the first of the figures.
        figures: those of the experiment.

    Returns:
        None.

    Raises:
        ValueError: what tells rows apart (`fold`, `seed`, `of`, `against`) is no word
            and no number; a row of a model lacks `stage`, or its `realised` is not one
            of the four words, or one of its figures is no number.

    Example:
        >>> check({'stage': 'pruned', 'accuracy': 0.9, 'realised': 'masked'})
    """
    if not isinstance(row, Mapping):
        raise TypeError(f"a row must be a dictionary, got {kinds.got(row)}")
    _check_place(row)
    chosen = checked(figures, [row])
    if chosen[0].name not in row:
        return
    if not isinstance(row.get("stage"), str):
        raise ValueError(f"a row of a model needs 'stage'; it has {', '.join(row)}")
    for key in (*(figure.name for figure in chosen), *COSTS):
        if not isinstance(row.get(key), Real | None):
            raise ValueError(f"stage {row['stage']!r}: {key} is {row[key]!r}")
    if row.get("realised") not in WORDS:
        raise ValueError(
            f"stage {row['stage']!r}: realised is {row.get('realised')!r}; "
            f"valid: {', '.join(WORDS)}"
        )


def _check_place(row: Row) -> None:
    for key in PLACE:
        if not isinstance(row.get(key), str | Real | None):
            said = f"a word or a number, got {kinds.got(row[key])}"
            raise ValueError(f"stage {row.get('stage')!r}: {key} must be {said}")


def summarize(
    rows: Iterable[Row], *, figures: Sequence[Figure] = FIGURES
) -> tuple[Stage, ...]:
    r"""Groups the rows of models by stage, with means over folds.

    .. math:: \bar x = \sum_f w_f x_f, \quad
        s^2 = \frac{F}{F - 1} \sum_f w_f^2 (x_f - \bar x)^2

    `x_f` is the mean over the seeds of fold `f` and `w_f` its share of all test
    examples, so that an accuracy is that of all examples, and two of them differ by
    what a paired comparison says. Without the number of examples, where comparisons
    are over seeds, and for what is no figure of examples (bytes, milliseconds),
    `w_f = 1 / F`. With one fold the points are its seeds.

    Args:
        rows: rows of an experiment; those without the first figure are left out.
        figures: of test examples: a fold counts as much as it has of them.

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
    rows = list(rows)
    figures = checked(figures, rows)
    names = [figure.name for figure in figures]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        check(row, figures=figures)
        if names[0] in row:
            groups.setdefault((row["stage"], row["realised"]), []).append(row)
    alike = any(row.get("stage") == "comparison" and "seeds" in row for row in rows)
    models = [row for group in groups.values() for row in group]
    sizes = {} if alike else fold_sizes(models)
    stages = [
        Stage(*key, _means(g, names, sizes), g, sizes) for key, g in groups.items()
    ]
    return tuple(sorted(stages, key=lambda stage: _rank(stage.name)))


def find(stages: Iterable[Stage], name: str) -> Stage | None:
    """The stage of a name, or None.

    Example:
        >>> find((), 'teacher') is None
        True
    """
    return next((stage for stage in stages if stage.name == name), None)


def ends(stages: Sequence[Stage]) -> tuple[Stage | None, Stage | None]:
    """The teacher and the packed file, between which size and figures are compared.

    Where no stage is called so, the first stage, and the last one that was read from a
    file.

    Example:
        >>> big, small = Stage('big', 'dense', {}, []), Stage('it', 'packed', {}, [])
        >>> [stage.name for stage in ends([big, small])]
        ['big', 'it']
    """
    own = [stage for stage in stages if stage.name not in BASELINES]
    first = find(stages, "teacher") or next(iter(own), None)
    files = [stage for stage in own if stage.realised == "packed"]
    last = find(stages, "packed") or next(reversed(files), None)
    return first, None if last is first else last


def fold_sizes(rows: Iterable[Row]) -> dict[Any, Real]:
    """How many test examples each fold has, where its rows say so.

    Example:
        >>> fold_sizes([{'fold': 0, 'examples': 9}, {'fold': 1}])
        {0: 9}
    """
    sizes: dict[Any, Real] = {}
    for row in rows:
        matrix = confusion_of(row)
        size = row.get("examples") or (0 if matrix is None else matrix.sum().item())
        if size:
            sizes.setdefault(row.get("fold"), size)
    return sizes


def confusion_of(row: Row) -> np.ndarray | None:
    """A row's confusion matrix, None where it has none or a count is missing.

    Example:
        >>> confusion_of({'confusion': [[3, 1], [0, 4]]}).sum(), confusion_of({})
        (np.float64(8.0), None)
    """
    matrix = np.array(row.get("confusion") or [], float)
    return matrix if matrix.size and np.isfinite(matrix).all() else None


def confusion_in(stage: Stage) -> np.ndarray | None:
    """The counts of a stage's folds and seeds together, None where it has none.

    Example:
        >>> confusion_in(Stage('a', 'dense', {}, [{'confusion': [[2]]}] * 2))
        array([[4.]])
    """
    found = [confusion_of(row) for row in stage.rows]
    found = [matrix for matrix in found if matrix is not None]
    return np.sum(found, axis=0) if found else None


def points(
    rows: Sequence[Row], values: Sequence[Real | None], sizes: Mapping[Any, Real]
) -> tuple[list[float], list[float]]:
    """One value a fold with its weight, or one a seed where there is one fold.

    Example:
        >>> points([{'fold': 0}, {'fold': 1}], [1.0, 3.0], {0: 30, 1: 10})
        ([1.0, 3.0], [0.75, 0.25])
    """
    folds: dict[Any, list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        if value is not None and math.isfinite(value):
            folds.setdefault(row.get("fold"), []).append(float(value))
    if len(folds) == 1:
        seeds = next(iter(folds.values()))
        return seeds, [1 / len(seeds)] * len(seeds)
    known = folds.keys() <= sizes.keys()
    whole = [sizes[fold] if known else 1 for fold in folds]
    return [statistics.fmean(f) for f in folds.values()], [
        size / sum(whole) for size in whole
    ]


def mean_of(values: Sequence[float], weights: Sequence[float]) -> Mean | None:
    """The weighted mean of points with its standard error.

    Example:
        >>> mean_of([1.0, 3.0], [0.5, 0.5])
        Mean(value=2.0, error=1.0)
    """
    if not values:
        return None
    count, pairs = len(values), list(zip(weights, values, strict=True))
    mean = math.fsum(w * x for w, x in pairs)
    if count == 1:
        return Mean(mean, None)
    squares = math.fsum((w * (x - mean)) ** 2 for w, x in pairs)
    return Mean(mean, math.sqrt(count / (count - 1) * squares))


def _means(
    rows: Sequence[Row], names: Sequence[str], sizes: Mapping[Any, Real]
) -> dict[str, Mean]:
    def figure(row, key):
        if key.endswith("_uJ"):
            return (row.get("energy") or {}).get(key)
        return row.get(key)

    def mean(key):
        values = [figure(row, key) for row in rows]
        return mean_of(*points(rows, values, sizes if key in names else {}))

    found = {key: mean(key) for key in (*names, *COSTS)}
    return {key: mean for key, mean in found.items() if mean is not None}


def _rank(name: str) -> int:
    return (None, *BASELINES).index(name if name in BASELINES else None)
