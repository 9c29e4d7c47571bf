"""The report: one page of HTML that needs nothing but itself."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jdistill import kinds
from jdistill.report._about import about
from jdistill.report._confusion import confusion
from jdistill.report._document import document
from jdistill.report._figures import learning, plots
from jdistill.report._findings import all_stages, differences, headline, lost
from jdistill.report._quality import FIGURES, Figure, checked
from jdistill.report._record import energy_method, origin, packed_file
from jdistill.report._summary import Row, summarize
from jdistill.words import check_text

POINT = {"stage", "step", "split", "name", "value"}
"""What a point of a learning curve has; others are left out."""


def html(
    rows: Iterable[Row],
    curves: Iterable[Row] = (),
    *,
    title: str = "jdistill",
    question: str = "",
    command: str = "",
    config: Mapping[str, Any] | None = None,
    figures: Sequence[Figure] = FIGURES,
) -> str:
    """The report of an experiment as one self-contained page.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.
        curves: points of learning curves: `stage`, `fold`, `seed`, `step`, `split`
            ('train' or 'valid'), `name`, `value`.
        title: what the page is called.
        question: what the experiment asks: the first paragraph leads the page.
        command: what makes it again.
        config: the experiment's configuration, shown at the end.
        figures: columns of its figures in their order; the first is the headline.

    Returns:
        HTML with its style and plots inside; it loads nothing.

    Raises:
        ValueError: a model's row has none of the words dense, masked, packed, executed.

    Example:
        >>> row = {'stage': 'teacher', 'realised': 'dense', 'accuracy': 0.9}
        >>> html([row], title='digits')[:15]
        '<!doctype html>'
    """
    kinds.rows(rows=rows)
    kinds.rows(curves=curves)
    check_text(title=title, question=question, command=command)
    kinds.mapping(config={} if config is None else config)
    rows, curves = list(rows), list(curves)
    figures = checked(figures, rows)
    for point in curves:
        kinds.mapping(**{"a point of curves": point})
    curves = [point for point in curves if point.keys() >= POINT]
    stages = summarize(rows, figures=figures)
    models = [row for stage in stages for row in stage.rows]
    parts = [
        about(stages, title=title, question=question, command=command),
        headline(stages, rows, figures),
        lost(rows, stages, figures),
        differences(rows, figures),
        all_stages(stages, figures),
        plots(stages, rows, figures[0]),
        confusion(stages),
        learning(curves, figures[0]),
        packed_file(models),
        energy_method(models),
        origin(models, config),
    ]
    return document(title, *parts)
