"""The plots of the page with their titles and captions."""

from collections.abc import Sequence

import numpy as np

from jdistill.report import _learning, _plots
from jdistill.report._differences import compared, foremost
from jdistill.report._markup import figure, section
from jdistill.report._quality import ACCURACY, Figure
from jdistill.report._steps import steps
from jdistill.report._summary import CHAIN, Row, Stage, confusion_in, ends


def plots(
    stages: Sequence[Stage], rows: Sequence[Row] = (), headline: Figure = ACCURACY
) -> str:
    """The headline against bytes, what each stage cost, what many methods gained.

    Example:
        >>> plots(())
        ''
    """
    figures = [
        _bytes(stages, headline),
        _costs(stages, rows, headline),
        *_gains(rows, headline),
    ]
    shown = "".join(figures)
    return section("Plots", f'<div class="plots">{shown}</div>' if shown else "")


def learning(curves: Sequence[Row], headline: Figure = ACCURACY) -> str:
    """The learning curves: all stages on one axis, then each by itself.

    Example:
        >>> learning(())
        ''
    """
    curves = [point for point in curves if point["value"] is not None]
    names = panels(curves, headline)
    trained = dict.fromkeys(c["stage"] for c in curves if c["name"] in names)
    order = [s for s in CHAIN if s in trained] + [s for s in trained if s not in CHAIN]
    if not order:
        return ""
    shown = [c for c in curves if c["name"] in names]
    first = order[: _learning.MOST_STAGES]
    left = f"; {len(order) - len(first)} more below" if len(order) > len(first) else ""
    together = figure(
        "All stages",
        _learning.together(first, shown, names),
        f"Means over runs{left}.",
    )
    each = [figure(s, _learning.alone(s, shown, names)) for s in order]
    return section(
        "Learning curves",
        '<p class="muted">Dashed on training examples, solid on validation; thin lines '
        "are runs, bold ones their mean. What falls has a logarithmic axis.</p>",
        together if len(order) > 1 else "",
        "<details><summary>Each stage by itself</summary>" if len(order) > 1 else "",
        f'<div class="plots">{"".join(each)}</div>',
        "</details>" if len(order) > 1 else "",
    )


def panels(curves: Sequence[Row], headline: Figure = ACCURACY) -> list[str]:
    """Which figures to draw: what both parts have, else the loss; then the headline.

    Example:
        >>> point = {'name': 'nll', 'split': 'valid'}
        >>> panels([point]), panels([point, {**point, 'split': 'train'}])
        (['nll'], ['nll'])
    """
    splits: dict[str, set[str]] = {}
    for point in curves:
        splits.setdefault(point["name"], set()).add(point["split"])
    losses = [name for name in ("nll", "loss") if name in splits]
    both = [name for name in losses if len(splits[name]) > 1]
    chosen = both[:1] or losses[::-1]
    name = headline.name
    chosen += [name] if name in splits and name not in chosen else []
    return chosen or list(splits)[:2]


def _bytes(stages: Sequence[Stage], headline: Figure) -> str:
    if not _plots.sized(stages, headline):
        return ""
    way = "Up" if headline.rising else "Down"
    caption = f"{way} and to the left is better. Bars are standard errors."
    if len(_plots.sized(stages, headline)) > _plots.MOST_NAMED:
        caption += " Only those are named of which no other is as small and better."
    svg = _plots.against_bytes(stages, headline)
    return figure(f"{headline.first} against bytes", svg, caption)


def _gains(rows: Sequence[Row], headline: Figure) -> list[str]:
    """Where many were compared with one, all of them against it."""
    found = compared(rows, headline)
    if not foremost(found)[1]:
        return []
    return [
        figure(
            f"Gain over {against}",
            _plots.gains([d for d in found if d.against == against]),
            "Lines are 95 % intervals; grey is not told apart from nothing.",
        )
        for against in dict.fromkeys(d.against for d in found)
    ]


def _costs(stages: Sequence[Stage], rows: Sequence[Row], headline: Figure) -> str:
    changes = steps(stages, rows, headline)
    if not changes:
        return ""
    bars = [(f"{s.before.name} to {s.after.name}", s.change, s.note) for s in changes]
    return figure(
        "What each stage cost",
        _plots.cost_of_steps(bars),
        "Lines are 95 % intervals; grey is not told apart from nothing, or has no "
        "interval. On the right the bytes: what is simulated saves nothing until it is "
        "packed.",
    )


def recall(stages: Sequence[Stage]) -> str:
    """Recall of each class, of the teacher and of the file.

    Example:
        >>> recall(())
        ''
    """
    teacher, packed = ends(stages)
    if teacher is None or packed is None:
        return ""
    before, after = (_recall_of(stage) for stage in (teacher, packed))
    if before is None or after is None or before.shape != after.shape:
        return ""
    return figure(
        "Recall of each class",
        _plots.recall_per_class(teacher, before, packed, after),
        "Greatest loss first; at most the "
        f"{_plots.MOST_CLASSES} classes that changed most.",
    )


def _recall_of(stage: Stage) -> np.ndarray | None:
    """Of all examples of a class, as the confusion matrix counts them."""
    matrix = confusion_in(stage)
    if matrix is not None:
        return np.diagonal(matrix) / np.maximum(matrix.sum(axis=1), 1)
    found = [row["recall_per_class"] for row in stage.rows if "recall_per_class" in row]
    whole = [np.array(recall, float) for recall in found if recall]
    return np.mean(whole, axis=0) if whole else None
