"""The report from Python in one line: a page in a notebook, a table on a terminal."""

import html as escaping
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich.console

from jdistill.report._html import html
from jdistill.report._quality import FIGURES, Figure
from jdistill.report._summary import Row
from jdistill.report._table import table
from jdistill.report._view import View

HEIGHT = "42rem"


def show(
    rows: Iterable[Row],
    curves: Iterable[Row] = (),
    *,
    title: str = "jdistill",
    figures: Sequence[Figure] = FIGURES,
) -> None:
    """Shows the report of an experiment: the page in a notebook, else the table.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.
        curves: points of learning curves, as `html` takes them.
        title: of the page.
        figures: columns of its figures in their order; the first is the headline.

    Returns:
        None.

    Raises:
        ValueError: a model's row has none of the words dense, masked, packed, executed.

    Example:
        >>> show([{'stage': 'teacher', 'realised': 'dense', 'accuracy': 0.9}])
         stage    realised  accuracy %
         ──────────────────────────────
         teacher  dense          90.00
    """
    view = table(rows, figures=figures)
    notebook: Any = sys.modules.get("IPython")
    if notebook is None or notebook.get_ipython() is None:
        rich.console.Console().print(view)
        return
    page = escaping.escape(html(view.rows, curves, title=title, figures=figures))
    frame = (
        f'<iframe srcdoc="{page}" style="width: 100%; height: {HEIGHT}; border: 0; '
        'resize: vertical; overflow: auto"></iframe>'
    )
    shown = importlib.import_module("IPython.display")
    shown.display(View(view.rows, view.draw, frame))
