"""Tables of chosen figures: a line a stage, means over the seeds."""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jdistill import report

Form = Callable[[float], str]


def _digits(number: int) -> Form:
    return lambda x: f"{x:.{number}f}"


def _millions(x: float) -> str:
    return f"{x / 1e6:.1f} M" if x >= 1e6 else f"{x / 1e3:.0f} k"


def _share(x: float) -> str:
    return f"{100 * x:.1f}"


_FIGURES = (*report.FIGURES, *report.FIGURES_OF_TAGS)
_DIGITS = {"perplexity": 2, "ece": 4}
"""Behind the point, of figures that are no share; 3 of the others."""


def _form(figure: report.Figure) -> Form:
    return _share if figure.scale == 100 else _digits(_DIGITS.get(figure.name, 3))


COLUMNS: Mapping[str, tuple[str, Form]] = {
    **{figure.name: (figure.heading, _form(figure)) for figure in _FIGURES},
    "tokens": ("tokens seen", _millions),
    "parameters": ("parameters", _millions),
    "bytes": ("MB", lambda x: f"{x / 1e6:.0f}"),
    "bytes_per_token": ("bytes a token", _digits(1)),
    "mass": ("probability kept %", _share),
    "kl_reverse": ("reverse KL", _digits(3)),
    "acceptance": ("drafts accepted on the teacher's texts %", _share),
    "acceptance_own": ("on its own %", _share),
    "outside": ("tokens outside", _digits(0)),
}
"""Heading and form of each figure, of all reports and of texts alone."""
APART = ("model", "size", "text", "stage")
"""What tells lines apart, from the outermost; what is the same in all is left out."""


def means(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A line for each stage: means over the seeds, with their standard errors.

    Args:
        rows: those of an experiment.
        columns: names of `COLUMNS`, in order.

    Raises:
        ValueError: there is no such column.

    Example:
        >>> rows = [{'stage': 'a', 'seed': s, 'kl': k} for s, k in ((0, 0.5), (1, 0.7))]
        >>> print(means(rows, ['kl']).splitlines()[-1])
        | a | 2 | 0.600 ±0.100 |
    """
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise ValueError(f"no column {unknown[0]!r}; valid: {', '.join(COLUMNS)}")
    shown = [row for row in rows if any(row.get(name) is not None for name in columns)]
    apart = [
        name
        for name in APART
        if name == "stage" or len({row.get(name) for row in shown} - {None}) > 1
    ]
    seen = "tokens" in columns
    places = [
        (*(row.get(n) for n in apart), seen and row.get("tokens")) for row in shown
    ]
    lines = []
    for place in dict.fromkeys(places):
        same = [row for row, own in zip(shown, places, strict=True) if own == place]
        names = ["–" if part is None else plain(str(part)) for part in place[:-1]]
        cells = [_cell(same, name) for name in columns]
        lines.append([*names, str(len(same)), *cells])
    heads = [*apart, "seeds", *(COLUMNS[name][0] for name in columns)]
    if all(line[len(apart)] == "1" for line in lines):
        heads, *lines = (
            [*x[: len(apart)], *x[len(apart) + 1 :]] for x in [heads, *lines]
        )
    rule = [":--"] * len(apart) + ["--:"] * (len(heads) - len(apart))
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, rule, *lines))


def plain(text: str) -> str:
    r"""Text that ends no cell of a table and begins no tag.

    Example:
        >>> plain('the <unk> edition')
        'the \\<unk\\> edition'
    """
    return re.sub(r"[\\|<>]", lambda match: "\\" + match[0], text)


def _cell(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    values = [row[name] for row in rows if row.get(name) is not None]
    if not values:
        return "–"
    form = COLUMNS[name][1]
    text = form(statistics.fmean(values))
    if len(values) < 2 or len(set(values)) == 1:
        return text
    error = form(statistics.stdev(values) / len(values) ** 0.5)
    return f"{text} ±{error}"
