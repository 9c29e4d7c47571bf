"""How much one model is better than another, and whether that is more than chance."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import scipy.special

from jdistill.report import _format as form
from jdistill.report._quality import ACCURACY, Figure
from jdistill.report._summary import (
    Real,
    Row,
    Stage,
    find,
    mean_of,
    points,
)

EXAMPLES = "test examples"
SEEDS = "seeds"
FOLDS = "folds"
MOST_SHOWN = 12


class Difference(NamedTuple):
    """A figure of one model less that of another, both of the same examples.

    `low` and `high` are the ends of the 95 % interval, None where nothing tells it;
    `over` is what it was taken over: 'test examples', 'folds' or 'seeds'; `figure` is
    what differs, the accuracy or another one.
    """

    of: str
    against: str
    value: Real
    low: Real | None
    high: Real | None
    over: str
    figure: Figure = ACCURACY

    @property
    def tone(self) -> str:
        """'good' or 'bad' where the interval leaves out zero, else 'muted'."""
        if self.low is None or self.high is None:
            return "muted"
        if self.low <= 0 <= self.high:
            return "muted"
        return "good" if (self.low > 0) == self.figure.rising else "bad"

    @property
    def text(self) -> str:
        """The difference with its sign, of a share in percentage points."""
        return form.change(self.value, self.figure)

    @property
    def interval(self) -> str:
        """The 95 % interval."""
        return form.interval(self.low, self.high, self.figure)

    @property
    def reading(self) -> str:
        """What the interval says in words."""
        if self.low is None:
            return "no interval"
        return {"good": "better", "bad": "worse"}.get(self.tone, "not told apart")


def compared(rows: Iterable[Row], figure: Figure = ACCURACY) -> list[Difference]:
    """What the rows of stage 'comparison' say of a figure, as a rule of accuracy.

    Example:
        >>> row = {'stage': 'comparison', 'of': 'a', 'against': 'b', 'difference': 0.1}
        >>> compared([{**row, 'low': 0.05, 'high': 0.2}])[0].reading
        'better'
    """
    return [
        Difference(
            str(row["of"]),
            str(row["against"]),
            row["difference"],
            row["low"],
            row["high"],
            SEEDS if "seeds" in row else EXAMPLES,
            figure,
        )
        for row in rows
        if row.get("stage") == "comparison"
        and row.get("metric", "accuracy") == figure.name
        and all(row.get(k) is not None for k in ("of", "against"))
        and all(_is_number(row.get(k)) for k in ("difference", "low", "high"))
    ]


def foremost(
    found: Sequence[Difference],
) -> tuple[Sequence[Difference], Sequence[Difference]]:
    """Those to show first, and the others: of many, what is told apart comes first.

    Example:
        >>> foremost(compared([]))
        ([], [])
    """
    if len(found) <= MOST_SHOWN:
        return found, []
    first = [d for d in found if d.tone != "muted"]
    return first, [d for d in found if d.tone == "muted"]


def between(
    after: Stage, before: Stage, figure: Figure = ACCURACY
) -> Difference | None:
    r"""The difference over the folds and seeds that both have, None without any.

    .. math:: \bar d \pm t_{0.975, n - 1} s

    with the mean and the standard error of `summarize`: of n folds, or of n seeds of
    one fold.

    Example:
        >>> a = Stage('a', 'dense', {}, [{'fold': f, 'accuracy': 0.5} for f in (0, 1)])
        >>> between(a, a)[2:6]
        (0.0, 0.0, 0.0, 'folds')
    """
    name = figure.name
    first = {(r.get("fold"), r.get("seed")): r.get(name) for r in before.rows}
    rows = [row for row in after.rows if row.get(name) is not None]
    pairs = [(r, first.get((r.get("fold"), r.get("seed")))) for r in rows]
    pairs = [(row, old) for row, old in pairs if old is not None]
    rows, values = [r for r, _ in pairs], [r[name] - old for r, old in pairs]
    found = points(rows, values, {**before.sizes, **after.sizes})
    mean, count = mean_of(*found), len(found[0])
    if mean is None:
        return None
    over = FOLDS if len({row.get("fold") for row in rows}) > 1 else SEEDS
    names = after.name, before.name
    if mean.error is None:
        return Difference(*names, mean.value, None, None, over, figure)
    reach = float(scipy.special.stdtrit(count - 1, 0.975)) * mean.error
    low, high = mean.value - reach, mean.value + reach
    return Difference(*names, mean.value, low, high, over, figure)


def difference(
    rows: Sequence[Row],
    stages: Sequence[Stage],
    of: str,
    against: str,
    figure: Figure = ACCURACY,
) -> Difference | None:
    """The one difference of two stages: a comparison's if the rows have it.

    Example:
        >>> difference([], (), 'packed', 'teacher') is None
        True
    """
    for found in compared(rows, figure):
        if (found.of, found.against) == (of, against):
            return found
    after, before = find(stages, of), find(stages, against)
    if after is None or before is None:
        return None
    return between(after, before, figure)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
