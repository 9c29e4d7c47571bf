"""Figures of rows along a number of theirs, such as the tokens that were seen."""

import math
import numbers
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from jdistill.report import _format as form
from jdistill.report._learning import tones_of
from jdistill.report._quality import Figure
from jdistill.report._summary import Row
from jdistill.report._svg import draw, plain

Points = dict[float, float]


def along(
    rows: Sequence[Row], column: str, figures: Sequence[Figure], *, width: float
) -> str:
    """A panel for each figure, a line for each stage that has the column.

    Example:
        >>> rows = [{'stage': 'kl', 'tokens': t, 'nll': 1 / t} for t in (1, 10)]
        >>> nll = Figure('nll', 'negative log-likelihood', 'less is better')
        >>> along(rows, 'tokens', [nll], width=4.8)[:4]
        '<svg'
    """
    stages = [*dict.fromkeys(str(row["stage"]) for row in rows)]
    tones = tones_of(stages)

    def paint(*panels: Axes):
        for axes, figure in zip(panels, figures, strict=True):
            for stage in stages:
                line = _means(rows, stage, column, figure)
                label = plain(stage) if axes is panels[0] else None
                tone, points = tones[stage], ([*line], [*line.values()])
                axes.plot(*points, "o-", ms=4, lw=1.5, color=tone, label=label)
            axes.set_ylabel(figure.heading)
            axes.yaxis.set_major_locator(MaxNLocator(5))
        _across(panels[-1], column, sorted({float(row[column]) for row in rows}))
        panels[0].figure.legend(loc="outside upper left", ncols=2)

    lines = (len(stages) + 1) // 2
    height = 0.8 + 0.2 * lines + 2.0 * len(figures)
    name = f"{column} {' '.join(figure.name for figure in figures)}"
    return draw(name, paint, height=height, width=width, panels=len(figures))


def _means(rows: Sequence[Row], stage: str, column: str, figure: Figure) -> Points:
    """The mean over the rows of each value of the column, in its order."""
    found: dict[float, list[float]] = {}
    for row in rows:
        if str(row["stage"]) == stage and row.get(figure.name) is not None:
            value = float(figure.scale) * float(row[figure.name])
            found.setdefault(float(row[column]), []).append(value)
    return {x: statistics.fmean(values) for x, values in sorted(found.items())}


def _across(axes: Axes, column: str, values: Sequence[float]) -> None:
    """A logarithmic axis with the values that there are, as far as they have room."""
    axes.set_xlabel(f"{plain(column)} (log scale)")
    axes.set_xscale("log")
    ticks: list[float] = []
    for value in values:
        if not ticks or value > 1.35 * ticks[-1]:
            ticks.append(value)
    axes.set_xticks(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def _tick(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{form.short(value / size)} {letter}"
    return form.short(value)


def with_column(rows: Sequence[Mapping], column: str) -> list[Row]:
    """The rows that have a number above 0 in the column.

    Example:
        >>> with_column([{'stage': 'a'}, {'stage': 'b', 'tokens': 3}], 'tokens')
        [{'stage': 'b', 'tokens': 3}]
    """
    return [row for row in rows if "stage" in row and _above_zero(row.get(column))]


def _above_zero(value: Any) -> bool:
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return known and 0 < float(value) < math.inf
