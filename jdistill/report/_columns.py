"""The columns of the final table: what is shown of a stage, and what it means."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jdistill.report import _format as form
from jdistill.report._quality import Figure
from jdistill.report._summary import Real, Stage, ends


class Column(NamedTuple):
    """A column: title, meaning, text, and how soon a narrow terminal drops it.

    `show(stage, whole) -> str`, where `whole` is what sizes are compared with; `rank`
    0 always stays, and from `RARE` on it is left out of Markdown. `short` titles are
    spelt out beside the table. `hover(stage)` is what a page tells of a cell under the
    pointer.
    """

    title: str
    meaning: str
    show: Callable[[Stage, Stage | None], str]
    rank: int
    short: bool = False
    hover: Callable[[Stage], str] = lambda stage: ""


def value(stage: Stage | None, key: str) -> Real | None:
    """The mean of a figure of a stage, None where there is none.

    Example:
        >>> value(None, 'bytes') is None
        True
    """
    mean = None if stage is None else stage.means.get(key)
    return None if mean is None else mean.value


def _energy(stage: Stage, _) -> str:
    parts = [value(stage, key) for key in ("compute_uJ", "memory_uJ")]
    known = [part for part in parts if part is not None]
    return form.short(sum(known)) if known else form.MISSING


def _energy_parts(stage: Stage) -> str:
    compute, memory = (value(stage, key) for key in ("compute_uJ", "memory_uJ"))
    if compute is None or memory is None:
        return ""
    return f"computing {form.short(compute)} + moving bytes {form.short(memory)}"


FIRST = (
    Column("stage", "what the model has gone through", lambda s, _: s.name, 0),
    Column("realised", "how the figures came about", lambda s, _: s.realised, 0),
)
COSTS = (
    Column(
        "errors",
        "mistakes among the test examples",
        lambda s, _: form.short(value(s, "errors")),
        2,
    ),
    Column(
        "parameters",
        "how many numbers the model has",
        lambda s, _: form.count(value(s, "parameters")),
        6,
    ),
    Column(
        "zeros %",
        "share of the parameters that are zero",
        lambda s, _: form.share(value(s, "sparsity")),
        8,
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
        "median time for one batch, milliseconds",
        lambda s, _: form.short(value(s, "latency_ms")),
        3,
        short=True,
    ),
    Column(
        "µJ est.",
        "energy of one inference in microjoules, estimated: computing and moving bytes",
        _energy,
        4,
        short=True,
        hover=_energy_parts,
    ),
    Column(
        "training s",
        "seconds that training took",
        lambda s, _: form.short(value(s, "seconds")),
        9,
    ),
)

RARE = 8


def columns_of(figures: Sequence[Figure]) -> tuple[Column, ...]:
    """All columns of a table: what it is, its figures in their order, its costs.

    Example:
        >>> from jdistill.report._quality import FIGURES
        >>> [column.title for column in columns_of(FIGURES)][:4]
        ['stage', 'realised', 'accuracy %', 'recall %']
    """
    shown = [_figure(figure, number) for number, figure in enumerate(figures)]
    own = {figure.heading for figure in figures}
    return (*FIRST, *shown, *(column for column in COSTS if column.title not in own))


def _figure(figure: Figure, number: int) -> Column:
    """A column of one figure; that of the headline always stays."""
    return Column(
        figure.heading,
        figure.meaning,
        lambda stage, _: form.figure(stage.means.get(figure.name), figure),
        figure.rank if number else 0,
        short=figure.short,
    )


def meanings(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """What the short titles stand for.

    Example:
        >>> from jdistill.report._quality import FIGURES
        >>> [title for title, _ in meanings(columns_of(FIGURES))]
        ['KL', 'agree %', 'nll', 'ece', 'ms', 'µJ est.']
    """
    return [(c.title, c.meaning) for c in columns if c.short]


def cells(
    stages: Sequence[Stage], columns: Sequence[Column]
) -> tuple[tuple[Column, ...], list[list[str]]]:
    """The columns that say something, and their texts, a list for each stage.

    Example:
        >>> cells((), FIRST)[1]
        []
    """
    whole = ends(stages)[0]
    lines = [[column.show(stage, whole) for column in columns] for stage in stages]
    said = [any(line[i] != form.MISSING for line in lines) for i in range(len(columns))]
    kept = tuple(column for column, says in zip(columns, said, strict=True) if says)
    lines = [
        [text for text, says in zip(line, said, strict=True) if says] for line in lines
    ]
    return kept, lines
