"""The rows of several runs that differ in a value or in their seed, as one table's."""

import math
import pathlib
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from scipy import stats

from experiments.tools.names import safe
from experiments.tools.rows import read_rows

Row = dict[str, Any]
SAME = ("fold", "seed", "bytes")
"""Where these and the figures are the same, so is what was trained."""
BOUNDS = ("difference", "low", "high")


def folder_of(values: Mapping[str, str]) -> str:
    """The name of the folder of one run.

    Example:
        >>> folder_of({'objective.temperature': '2.0', 'seed': '1'})
        'objective.temperature-2.0_seed-1'
    """
    return safe("_".join(f"{key}-{value}" for key, value in values.items()))


def joined(
    runs: Sequence[tuple[Mapping[str, str], pathlib.Path]], figures: Sequence[str]
) -> dict[str, list[Row]]:
    """The rows and the curves of all runs.

    A stage that is not the same in all runs has its value in its name, those that are
    stand there once, and seeds stay rows of one stage. What several seeds say of a
    difference becomes its mean. Its interval is that of the test examples, the mean of
    the seeds' own, widened by what seeds of the same fold differ in.

    Args:
        runs: what each has that the others have not, and its folder.
        figures: names of the experiment's figures.

    Returns:
        'rows' and 'curves'.
    """
    rows: dict[str, list[Row]] = {}
    curves: dict[str, list[Row]] = {}
    for values, folder in runs:
        for found, name in ((rows, "rows"), (curves, "curves")):
            of = found.setdefault(_name(values), [])
            of += read_rows(folder / f"{name}.jsonl")
    same = _same([*rows.values()], (*SAME, *figures))
    return {
        "rows": _averaged(_together(rows, same)),
        "curves": _together(curves, same),
    }


def _name(values: Mapping[str, str]) -> str:
    """What tells the stages of a run apart; a seed does not.

    Example:
        >>> _name({'objective.temperature': '2.0', 'seed': '1'})
        'temperature=2.0'
    """
    last = {key.split(".")[-1]: value for key, value in values.items()}
    return " ".join(f"{k}={v}" for k, v in last.items() if k != "seed")


def _same(runs: Sequence[Sequence[Row]], keys: Sequence[str]) -> set[str]:
    """The stages that have the same figures in all runs."""
    figures: list[dict[str, list]] = []
    for rows in runs:
        figures.append({})
        for row in rows:
            if not _pair(row):
                found = [row.get(key) for key in keys]
                figures[-1].setdefault(row.get("stage", ""), []).append(found)
    first = figures[0]
    return {s for s in first if all(run.get(s) == first[s] for run in figures)}


def _together(runs: Mapping[str, Sequence[Row]], same: Collection[str]) -> list[Row]:
    """All rows, by stage in the order of the first run, with what stands there once."""
    order: dict[str, None] = {}
    made: list[tuple[str, Row]] = []
    for number, (name, rows) in enumerate(runs.items()):
        for row in rows:
            stage = row.get("stage", "")
            order.setdefault(stage)
            if number == 0 or not {*(_pair(row) or [stage])} <= same:
                keys = ("of", "against") if _pair(row) else ("stage",)
                named = {k: _in(row.get(k, ""), name, same) for k in keys}
                made.append((stage, {**row, **named}))
    place = {stage: number for number, stage in enumerate(order)}
    return [row for _, row in sorted(made, key=lambda one: place[one[0]])]


def _pair(row: Row) -> tuple[str, ...]:
    return (row["of"], row["against"]) if row.get("stage") == "comparison" else ()


def _in(stage: str, name: str, same: Collection[str]) -> str:
    return stage if stage in same or not name else f"{stage} {name}"


def _averaged(rows: Sequence[Row]) -> list[Row]:
    """One row for each difference, of all seeds."""
    made: dict[tuple, list[Row]] = {}
    figures = {(r.get("stage"), r.get("fold"), r.get("seed")): r for r in rows}
    for number, row in enumerate(rows):
        keys = ("of", "against", "metric", "fold")
        key = (number,) if not _pair(row) else tuple(row.get(k) for k in keys)
        made.setdefault(key, []).append(row)
    return [
        _mean(group, figures) if len(group) > 1 else group[0] for group in made.values()
    ]


def _mean(rows: Sequence[Row], figures: Mapping[tuple, Row]) -> Row:
    """A difference over several seeds, with an interval of examples and of seeds."""
    bounds = {k: [row[k] for row in rows if row.get(k) is not None] for k in BOUNDS}
    means = {k: statistics.fmean(x) if x else None for k, x in bounds.items()}
    if None not in means.values():
        of_seeds = _half(_by_fold(rows, figures))
        middle = means["difference"]
        means["low"] = middle - math.hypot(middle - means["low"], of_seeds)
        means["high"] = middle + math.hypot(means["high"] - middle, of_seeds)
    return {**rows[0], **means, "seed": "all", "seeds": len(rows)}


def _by_fold(rows: Sequence[Row], figures: Mapping[tuple, Row]) -> list[list[float]]:
    """The differences of the seeds in each fold, or of all folds where that is all."""
    row = rows[0]
    key, folds = row.get("metric", "accuracy"), {fold for _, fold, _ in figures}
    chosen = folds if row.get("fold") in (None, "all") else {row["fold"]}
    found: list[list[float]] = []
    for fold in chosen:
        pairs = [
            [
                figures.get((row[k], fold, one.get("seed")), {})
                for k in ("of", "against")
            ]
            for one in rows
        ]
        given = [(a.get(key), b.get(key)) for a, b in pairs]
        found.append([a - b for a, b in given if a is not None and b is not None])
    whole = [values for values in found if len(values) == len(rows)]
    return whole or [[one["difference"] for one in rows]]


def _half(folds: Sequence[Sequence[float]]) -> float:
    r"""Half of Student's 95 % interval of the mean over seeds, pooled over folds.

    .. math:: t_{0.975, F (S - 1)} \sqrt{\frac{1}{F S} \frac{1}{F (S - 1)}
        \sum_{f, s} (d_{f s} - \bar d_f)^2}
    """
    seeds, number = len(folds[0]), len(folds)
    free = number * (seeds - 1)
    variance = sum(statistics.variance(values) for values in folds) / number
    return float(stats.t.ppf(0.975, free)) * math.sqrt(variance / (number * seeds))
