"""Two runs side by side, with what they differ by."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import rich.console
import rich.text

from jdistill import kinds
from jdistill.report import _format as form
from jdistill.report._columns import value
from jdistill.report._differences import Difference, between
from jdistill.report._markup import Cell, grid, section, text, word
from jdistill.report._quality import FIGURES, Figure, checked
from jdistill.report._summary import Row, Stage, summarize
from jdistill.report._table import TONES
from jdistill.report._view import View, fitting, line_of, lines_of
from jdistill.words import check_texts

PAIRED = (
    "{figure} of both, and the second less the first{unit} over the folds and seeds "
    "that both have of the same data"
)
STUDENT = ", with Student's 95 % interval"
LEFT = ("stage", "realised", "so it is")
RANKS = (0, 3, 0, 0, 4, 4, 0, 0, 2)
"""Of stage, word, two figures, two sizes, difference, interval and its reading."""
SAME = ("dataset", "fold", "sizes")
"""What of a row's `data` says that two rows were tested on the same examples."""


class Pair(NamedTuple):
    """One stage of two runs; None where a run does not have it."""

    name: str
    realised: str
    first: Stage | None
    second: Stage | None
    change: Difference | None


def compare(
    first: Iterable[Row],
    second: Iterable[Row],
    *,
    names: Sequence[str] = ("a", "b"),
    figures: Sequence[Figure] = FIGURES,
) -> View:
    """Two runs side by side: headline and bytes of each stage, and their difference.

    Args:
        first: rows of one experiment, as in `rows.jsonl`.
        second: those of another one.
        names: what the runs are called.
        figures: those of the experiment; the first is compared.

    Returns:
        What `print` shows on a terminal and a notebook as markup. `rows` of it are
        dictionaries of `stage`, `realised`, the names with their figures, and
        `difference`, `low`, `high`. Without a fold and a seed that both have the
        difference is that of the means, without an interval; of other test data there
        is none.

    Raises:
        ValueError: not two different names, or a row that `summarize` refuses.

    Example:
        >>> row = {'stage': 'teacher', 'realised': 'dense', 'seed': 0}
        >>> one, two = ([{**row, 'accuracy': a, 'bytes': 8}] for a in (0.9, 0.92))
        >>> print(compare(one, two, names=('old', 'new')))
         stage    realised  old %  new %  old size  new size  points
         ────────────────────────────────────────────────────────────
         teacher  dense     90.00  92.00       8 B       8 B   +2.00
        <BLANKLINE>
        Accuracy of both, and the second less the first in percentage points over the
        folds and seeds that both have of the same data.
    """
    kinds.rows(first=first, second=second)
    check_texts(names=names)
    if len(names) != 2 or len(set(names)) != 2:
        raise ValueError(f"names must be two different ones, got {', '.join(names)}")
    first, second = list(first), list(second)
    figures = checked(figures, [*first, *second])
    figure = figures[0]
    one, two = (summarize(rows, figures=figures) for rows in (first, second))
    pairs = _pairs(one, two, figure)
    titles = _titles(pairs, names, figure)

    def draw(width: int) -> rich.console.RenderableType:
        lines = [_cells(pair, figure, len(titles)) for pair in pairs]
        kept, left_out = fitting(titles, lines, RANKS[: len(titles)], width=width)
        shown = lines_of(
            [titles[i] for i in kept],
            [[line[i] for i in kept] for line in lines],
            left=LEFT,
            styles=[TONES[p.change.tone] if p.change else "" for p in pairs],
        )
        return rich.console.Group(shown, *_below(_told(figure, len(titles)), left_out))

    return View(
        [_row(p, names, figure) for p in pairs], draw, _markup(pairs, titles, figure)
    )


def _told(figure: Figure, count: int) -> str:
    unit = " in percentage points" if figure.scale == 100 else ""
    return PAIRED.format(figure=figure.first, unit=unit) + STUDENT * (
        count == len(RANKS)
    )


def _below(told: str, left_out: str) -> list[rich.text.Text]:
    said = [text for text in (told, left_out) if text]
    return [line_of(f"{'. '.join(said)}.")]


def _pairs(
    first: Sequence[Stage], second: Sequence[Stage], figure: Figure
) -> list[Pair]:
    """The stages of both runs in the order of the first, then those of the second."""
    ones, others = ({(s.name, s.realised): s for s in run} for run in (first, second))
    found = []
    for key in dict.fromkeys((*ones, *others)):
        one, other = ones.get(key), others.get(key)
        change = None
        if one is not None and other is not None and _same_examples(one, other):
            change = between(other, one, figure) or _unpaired(other, one, figure)
        found.append(Pair(*key, one, other, change))
    return found


def _unpaired(after: Stage, before: Stage, figure: Figure) -> Difference | None:
    """The difference of the means, of which no pair tells an interval."""
    means = [stage.means.get(figure.name) for stage in (after, before)]
    if means[0] is None or means[1] is None:
        return None
    change = means[0].value - means[1].value
    return Difference(after.name, before.name, change, None, None, "", figure)


def _same_examples(one: Stage, other: Stage) -> bool:
    known: dict[Any, Mapping[str, Any]] = {}
    for row in one.rows:
        known[row.get("fold")] = row.get("data") or {}
    for row in other.rows:
        mine, theirs = row.get("data") or {}, known.get(row.get("fold"))
        if theirs is None:
            continue
        if any(mine.get(k, theirs.get(k)) != theirs.get(k, mine.get(k)) for k in SAME):
            return False
    return True


def _titles(pairs: Sequence[Pair], names: Sequence[str], figure: Figure) -> list[str]:
    sign = " %" if figure.scale == 100 else ""
    titles = ["stage", "realised", *(f"{name}{sign}" for name in names)]
    titles += [*(f"{name} size" for name in names), figure.unit]
    told = any(p.change is not None and p.change.low is not None for p in pairs)
    return [*titles, "95 % interval", "so it is"] if told else titles


def _cells(pair: Pair, figure: Figure, count: int) -> list[str]:
    stages = pair.first, pair.second
    means = [s.means.get(figure.name) if s else None for s in stages]
    figures = [form.figure(mean, figure) for mean in means]
    sizes = [form.size(value(s, "bytes")) for s in stages]
    change = pair.change
    said = [form.MISSING] * 3
    if change is not None:
        said = [change.text, change.interval, change.reading]
    return [pair.name, pair.realised, *figures, *sizes, *said][:count]


def _row(pair: Pair, names: Sequence[str], figure: Figure) -> dict[str, Any]:
    stages = pair.first, pair.second
    figures = {n: value(s, figure.name) for n, s in zip(names, stages, strict=True)}
    change = pair.change
    ends = (None,) * 3 if change is None else (change.value, change.low, change.high)
    differs = dict(zip(("difference", "low", "high"), ends, strict=True))
    return {"stage": pair.name, "realised": pair.realised, **figures, **differs}


def _markup(pairs: Sequence[Pair], titles: Sequence[str], figure: Figure) -> str:
    heads = [(text(title), "text" if title in LEFT else "") for title in titles]
    lines = [_line(pair, figure, len(titles)) for pair in pairs]
    told = f'<p class="muted">{text(_told(figure, len(titles)))}.</p>'
    return section("Two runs", told, grid(heads, lines))


def _line(pair: Pair, figure: Figure, count: int) -> list[Cell]:
    name, realised, *rest = _cells(pair, figure, count)
    cells: list[Cell] = [(text(name), "text"), (word(realised), "text")]
    cells += [(text(cell), "") for cell in rest]
    if count == len(RANKS) and pair.change is not None:
        cells[-1] = cells[-1][0], f"text {pair.change.tone}"
    return cells
