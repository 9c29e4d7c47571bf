"""The final table, as Markdown and for a terminal or a notebook."""

import re
from collections.abc import Iterable, Sequence

import rich.console

from jdistill import kinds
from jdistill.report._advice import advice
from jdistill.report._columns import RARE, Column, cells, columns_of, meanings
from jdistill.report._differences import Difference, compared, foremost
from jdistill.report._findings import parts
from jdistill.report._quality import FIGURES, Figure, checked
from jdistill.report._summary import BASELINES, Row, Stage, summarize
from jdistill.report._view import View, fitting, line_of, lines_of
from jdistill.words import visible

LEFT = ("stage", "realised")
TONES = {"good": "green", "bad": "red", "muted": ""}


def markdown(rows: Iterable[Row], *, figures: Sequence[Figure] = FIGURES) -> str:
    """The final table of an experiment in Markdown.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.
        figures: columns of its figures in their order; the first is the headline.

    Returns:
        A table, one line for each stage: means over folds ± standard error.

    Raises:
        ValueError: a model's row has none of the words dense, masked, packed, executed.

    Example:
        >>> row = dict(stage='teacher', realised='dense', accuracy=0.9, bytes=8e6)
        >>> print(markdown([row]))
        | stage | realised | accuracy % | size | smaller |
        |:--|:--|--:|--:|--:|
        | teacher | dense | 90.00 | 8 MB | 1× |
    """
    kinds.rows(rows=rows)
    rows = list(rows)
    figures = checked(figures, rows)
    stages = summarize(rows, figures=figures)
    usual = [column for column in columns_of(figures) if column.rank < RARE]
    columns, lines = cells(stages, usual)
    titles = [column.title for column in columns]
    rule = [":--" if title in LEFT else "--:" for title in titles]
    return "\n".join(
        [_pipe(titles), f"|{'|'.join(rule)}|", *(_pipe(line) for line in lines)]
    )


def table(rows: Iterable[Row], *, figures: Sequence[Figure] = FIGURES) -> View:
    """The final table of an experiment and its comparisons, for a terminal.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.
        figures: columns of its figures in their order; the first is the headline.

    Returns:
        What `print` and `rich.print` show as wide as the terminal is, and a notebook
        as markup: stages, differences with their intervals, what to try where a recipe
        lost. Columns that do not fit are named below the table.

    Raises:
        ValueError: a model's row has none of the words dense, masked, packed, executed.

    Example:
        >>> row = dict(stage='teacher', realised='dense', accuracy=0.9, bytes=8e6)
        >>> print(table([row]))
         stage    realised  accuracy %  size  smaller
         ─────────────────────────────────────────────
         teacher  dense          90.00  8 MB       1×
    """
    kinds.rows(rows=rows)
    rows = list(rows)
    figures = checked(figures, rows)
    stages = summarize(rows, figures=figures)
    found = compared(rows, figures[0])
    said = advice(rows, stages, figures[0])

    def draw(width: int) -> rich.console.RenderableType:
        shown = [_stages(stages, figures, width)]
        first, rest = foremost(found)
        if first:
            shown.append(_differences(first))
        if rest:
            shown.append(line_of(f"{len(rest)} more are not told apart."))
        shown += [line_of(f"* {line}") for line in said]
        return rich.console.Group(*shown)

    return View(rows, draw, "".join(parts(rows, stages, figures)))


def _stages(
    stages: Sequence[Stage], figures: Sequence[Figure], width: int
) -> rich.console.RenderableType:
    columns, lines = cells(stages, columns_of(figures))
    ranks = [column.rank for column in columns]
    kept, left_out = fitting(_titles(columns), lines, ranks, width=width)
    columns = [columns[i] for i in kept]
    lines = [[line[i] for i in kept] for line in lines]
    rule = next((i for i, s in enumerate(stages) if s.name in BASELINES), None)
    shown = lines_of(_titles(columns), lines, left=LEFT, rule=rule)
    below = [f"{title}: {meaning}" for title, meaning in meanings(columns)]
    if any(mean.error is not None for s in stages for mean in s.means.values()):
        below.insert(0, "Means over folds or seeds ± standard error")
    below += [left_out] if left_out else []
    if not below:
        return shown
    return rich.console.Group(shown, line_of(f"{'. '.join(below)}."))


def _titles(columns: Sequence[Column]) -> list[str]:
    return [column.title for column in columns]


def _differences(found: Sequence[Difference]) -> rich.console.RenderableType:
    lines = [
        [
            f"{d.of} against {d.against}",
            d.text,
            d.interval,
            d.reading,
        ]
        for d in found
    ]
    figure = found[0].figure
    titles = [f"{figure.title} of", figure.unit, "95 % interval", "so it is"]
    left = (titles[0], "so it is")
    tones = [TONES[d.tone] for d in found]
    return lines_of(titles, lines, left=left, styles=tones)


def _pipe(texts: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, texts))} |"


def _cell(text: str) -> str:
    """Text that ends no cell and begins no markup."""
    special = r"[\\|<>`*\[\]$~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    return re.sub(
        special, lambda match: "\\" + match[0], " ".join(visible(text).split())
    )
