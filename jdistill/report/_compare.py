"""Two runs side by side, with what they differ by."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import rich.console
import rich.text

from jdistill import kinds
from jdistill.checks import check_texts
from jdistill.report import _format as form
from jdistill.report._columns import value
from jdistill.report._differences import Difference, between
from jdistill.report._markup import Cell, grid, section, text, word
from jdistill.report._summary import Row, Stage, summarize
from jdistill.report._table import TONES
from jdistill.report._view import View, fitting, lines_of

PAIRED = (
    "Accuracy of both, and the second less the first in percentage points over the "
    "folds and seeds that both have of the same data"
)
STUDENT = ", with Student's 95 % interval"
LEFT = ("stage", "realised", "so it is")
RANKS = (0, 3, 0, 0, 4, 4, 0, 0, 2)
"""Of stage, word, two accuracies, two sizes, difference, interval and its reading."""
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
    first: Iterable[Row], second: Iterable[Row], *, names: Sequence[str] = ("a", "b")
) -> View:
    """Two runs side by side: accuracy and bytes of each stage, and their difference.

    Args:
        first: rows of one experiment, as in `rows.jsonl`.
        second: those of another one.
        names: what the runs are called.

    Returns:
        What `print` shows on a terminal and a notebook as markup. `rows` of it are
        dictionaries of `stage`, `realised`, the names with their accuracies, and
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
    pairs = _pairs(summarize(first), summarize(second))
    titles = _titles(pairs, names)

    def draw(width: int) -> rich.console.RenderableType:
        lines = [_cells(pair, len(titles)) for pair in pairs]
        kept, left_out = fitting(titles, lines, RANKS[: len(titles)], width=width)
        shown = lines_of(
            [titles[i] for i in kept],
            [[line[i] for i in kept] for line in lines],
            left=LEFT,
            styles=[TONES[p.change.tone] if p.change else "" for p in pairs],
        )
        return rich.console.Group(shown, *_below(len(titles), left_out))

    return View([_row(p, names) for p in pairs], draw, _markup(pairs, titles))


def _below(count: int, left_out: str) -> list[rich.text.Text]:
    told = PAIRED + STUDENT * (count == len(RANKS))
    said = [text for text in (told, left_out) if text]
    return [rich.text.Text(f"{'. '.join(said)}.")]


def _pairs(first: Sequence[Stage], second: Sequence[Stage]) -> list[Pair]:
    """The stages of both runs in the order of the first, then those of the second."""
    ones, others = ({(s.name, s.realised): s for s in run} for run in (first, second))
    found = []
    for key in dict.fromkeys((*ones, *others)):
        one, other = ones.get(key), others.get(key)
        change = None
        if one is not None and other is not None and _same_examples(one, other):
            change = between(other, one) or _unpaired(other, one)
        found.append(Pair(*key, one, other, change))
    return found


def _unpaired(after: Stage, before: Stage) -> Difference | None:
    """The difference of the means, of which no pair tells an interval."""
    means = [stage.means.get("accuracy") for stage in (after, before)]
    if means[0] is None or means[1] is None:
        return None
    change = means[0].value - means[1].value
    return Difference(after.name, before.name, change, None, None, "")


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


def _titles(pairs: Sequence[Pair], names: Sequence[str]) -> list[str]:
    titles = ["stage", "realised", *(f"{name} %" for name in names)]
    titles += [*(f"{name} size" for name in names), "points"]
    told = any(p.change is not None and p.change.low is not None for p in pairs)
    return [*titles, "95 % interval", "so it is"] if told else titles


def _cells(pair: Pair, count: int) -> list[str]:
    stages = pair.first, pair.second
    accuracies = [form.percent(s.means.get("accuracy") if s else None) for s in stages]
    sizes = [form.size(value(s, "bytes")) for s in stages]
    change = pair.change
    said = [form.MISSING] * 3
    if change is not None:
        ends = form.interval(change.low, change.high)
        said = [form.points(change.value), ends, change.reading]
    return [pair.name, pair.realised, *accuracies, *sizes, *said][:count]


def _row(pair: Pair, names: Sequence[str]) -> dict[str, Any]:
    stages = pair.first, pair.second
    figures = {n: value(s, "accuracy") for n, s in zip(names, stages, strict=True)}
    change = pair.change
    ends = (None,) * 3 if change is None else (change.value, change.low, change.high)
    differs = dict(zip(("difference", "low", "high"), ends, strict=True))
    return {"stage": pair.name, "realised": pair.realised, **figures, **differs}


def _markup(pairs: Sequence[Pair], titles: Sequence[str]) -> str:
    heads = [(text(title), "text" if title in LEFT else "") for title in titles]
    lines = [_line(pair, len(titles)) for pair in pairs]
    told = PAIRED + STUDENT * (len(titles) == len(RANKS))
    return section(
        "Two runs", f'<p class="muted">{text(told)}.</p>', grid(heads, lines)
    )


def _line(pair: Pair, count: int) -> list[Cell]:
    name, realised, *rest = _cells(pair, count)
    cells: list[Cell] = [(text(name), "text"), (word(realised), "text")]
    cells += [(text(cell), "") for cell in rest]
    if count == len(RANKS) and pair.change is not None:
        cells[-1] = cells[-1][0], f"text {pair.change.tone}"
    return cells
