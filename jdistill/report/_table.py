"""The final table, as Markdown and for a terminal."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import rich.box
import rich.table
import rich.text

from jdistill.report import _format as form
from jdistill.report._summary import BASELINES, Real, Row, Stage, find, summarize


class Column(NamedTuple):
    """A column: title, meaning, text, and how soon a narrow page drops it.

    `show(stage, teacher) -> str`; `rank` 0 always stays.
    """

    title: str
    meaning: str
    show: Callable[[Stage, Stage | None], str]
    rank: int


def value(stage: Stage | None, key: str) -> Real | None:
    """The mean of a figure of a stage, None where there is none.

    Example:
        >>> value(None, 'bytes') is None
        True
    """
    mean = None if stage is None else stage.means.get(key)
    return None if mean is None else mean.value


def _energy(stage: Stage, _) -> str:
    compute, memory = (value(stage, key) for key in ("compute_uJ", "memory_uJ"))
    if compute is None and memory is None:
        return form.MISSING
    return f"{form.short(compute)} + {form.short(memory)}"


def _of_texts(stage: Stage) -> bool:
    return "bits_per_byte" in stage.means


COLUMNS = (
    Column("stage", "what the model has gone through", lambda s, _: s.name, 0),
    Column("realised", "how the figures came about", lambda s, _: s.realised, 0),
    Column(
        "accuracy %",
        "share of test examples that are right",
        lambda s, _: form.percent(s.means.get("accuracy")),
        0,
    ),
    Column(
        "recall %",
        "recall, averaged over classes",
        lambda s, _: form.percent(s.means.get("recall_macro")),
        2,
    ),
    Column(
        "bits/byte",
        "bits that a byte of the test text costs",
        lambda s, _: form.decimal(s.means.get("bits_per_byte")),
        0,
    ),
    Column(
        "perplexity",
        "e to the mean negative log-likelihood of a token",
        lambda s, _: form.short(value(s, "perplexity")),
        1,
    ),
    Column(
        "KL",
        "divergence of the first model's next token from its own, nats a token",
        lambda s, _: form.decimal(s.means.get("kl")),
        3,
    ),
    Column(
        "agree %",
        "share of test examples on which it says what the teacher says",
        lambda s, _: form.percent(s.means.get("agreement")).split(" ")[0],
        5,
    ),
    Column(
        "nll",
        "negative log-likelihood, nats",
        lambda s, _: form.decimal(s.means.get("nll")),
        7,
    ),
    Column(
        "ece",
        "expected calibration error",
        lambda s, _: form.decimal(s.means.get("ece")),
        6,
    ),
    Column(
        "errors",
        "mistakes among the test examples",
        lambda s, _: form.short(value(s, "errors")),
        2,
    ),
    Column(
        "parameters",
        "how many numbers a model of texts has",
        lambda s, _: form.count(value(s, "parameters") if _of_texts(s) else None),
        2,
    ),
    Column(
        "size",
        "float32 bytes where dense or masked, the file's where packed or executed",
        lambda s, _: form.size(value(s, "bytes")),
        0,
    ),
    Column(
        "smaller",
        "the bytes of the teacher, or of the first stage, divided by its own",
        lambda s, t: form.ratio(value(t, "bytes"), value(s, "bytes")),
        1,
    ),
    Column(
        "ms",
        "median latency of one batch, milliseconds",
        lambda s, _: form.short(value(s, "latency_ms")),
        3,
    ),
    Column(
        "µJ est.",
        "energy of one inference in microjoules: computing + memory, estimated",
        _energy,
        4,
    ),
)


def cells(
    stages: Sequence[Stage], columns: Sequence[Column] = COLUMNS
) -> tuple[tuple[Column, ...], list[list[str]]]:
    """The columns that say something, and their texts, a list for each stage.

    Example:
        >>> cells(summarize([]))[1]
        []
    """
    teacher = find(stages, "teacher") or next(iter(stages), None)
    lines = [[column.show(stage, teacher) for column in columns] for stage in stages]
    said = [any(line[i] != form.MISSING for line in lines) for i in range(len(columns))]
    kept = tuple(column for column, says in zip(columns, said, strict=True) if says)
    lines = [
        [text for text, says in zip(line, said, strict=True) if says] for line in lines
    ]
    return kept, lines


def markdown(rows: Iterable[Row]) -> str:
    """The final table of an experiment in Markdown.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.

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
    columns, lines = cells(summarize(rows))
    titles = [column.title for column in columns]
    rule = [":--" if title in ("stage", "realised") else "--:" for title in titles]
    return "\n".join(
        [_pipe(titles), f"|{'|'.join(rule)}|", *(_pipe(line) for line in lines)]
    )


def table(rows: Iterable[Row], *, width: int = 120) -> rich.table.Table:
    """The final table of an experiment for a terminal.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.
        width: characters a line; columns that do not fit are named below the table.

    Returns:
        What `rich.print` shows.

    Raises:
        ValueError: a model's row has none of the words dense, masked, packed, executed.

    Example:
        >>> row = dict(stage='teacher', realised='dense', accuracy=0.9, bytes=8e6)
        >>> [column.header for column in table([row]).columns]
        ['stage', 'realised', 'accuracy %', 'size', 'smaller']
    """
    stages = summarize(rows)
    columns, lines = cells(stages)
    dropped = []
    while _width(columns, lines) > width and any(c.rank for c in columns):
        worst = max(columns, key=lambda column: column.rank)
        dropped.insert(0, worst.title)
        columns, lines = cells(stages, [c for c in columns if c is not worst])
    hidden = f"; too narrow for: {', '.join(dropped)}" if dropped else ""
    first = next((s.name for s in stages if s.name in BASELINES), None)
    shown = rich.table.Table(
        caption=f"means over folds or seeds ± standard error{hidden}",
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        left = column.title in ("stage", "realised")
        shown.add_column(
            column.title, justify="left" if left else "right", no_wrap=True
        )
    followers = [*stages[1:], None][: len(lines)]
    for line, following in zip(lines, followers, strict=True):
        last = following is not None and following.name == first
        # A text, because rich reads markup in a string.
        shown.add_row(*map(rich.text.Text, line), end_section=last)
    return shown


def _width(columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> int:
    texts = [[column.title for column in columns], *lines]
    widest = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return sum(widest) + 2 * len(widest)


def _pipe(texts: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, texts))} |"


def _cell(text: str) -> str:
    """Text that ends no cell and begins no markup."""
    special = r"[\\|<>`*\[\]$~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    return re.sub(special, lambda match: "\\" + match[0], " ".join(text.split()))
