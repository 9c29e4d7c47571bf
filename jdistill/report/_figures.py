"""The plots of the page with their titles and captions."""

from collections.abc import Sequence

from jdistill.report import _plots
from jdistill.report._markup import figure, section
from jdistill.report._steps import steps
from jdistill.report._summary import CHAIN, Row, Stage, find


def plots(stages: Sequence[Stage]) -> str:
    """Accuracy against bytes, what each stage cost, recall of each class.

    Example:
        >>> plots(())
        ''
    """
    figures = [_bytes(stages), _costs(stages), _recall(stages)]
    shown = "".join(figures)
    return section("Plots", f'<div class="plots">{shown}</div>' if shown else "")


def learning(curves: Sequence[Row]) -> str:
    """The learning curves of each stage that was trained.

    Example:
        >>> learning(())
        ''
    """
    names = list(dict.fromkeys(c["name"] for c in curves))
    names = [n for n in ("loss", "accuracy") if n in names] or names[:2]
    trained = dict.fromkeys(c["stage"] for c in curves if c["name"] in names)
    order = [s for s in CHAIN if s in trained] + [s for s in trained if s not in CHAIN]
    if not order:
        return ""
    figures = [figure(s, _plots.learning_curves(s, curves, names)) for s in order]
    return section(
        "Learning curves",
        '<p class="muted">Thin lines are runs, bold ones their mean; dashed on '
        "training examples, solid on validation.</p>",
        f'<div class="plots">{"".join(figures)}</div>',
    )


def _bytes(stages: Sequence[Stage]) -> str:
    if not _plots.sized(stages):
        return ""
    caption = "Up and to the left is better. Bars are standard errors."
    svg = _plots.against_bytes(stages)
    return figure("Accuracy against bytes", svg, caption)


def _costs(stages: Sequence[Stage]) -> str:
    changes = steps(stages)
    if not changes:
        return ""
    bars = [
        (
            f"{s.before.name} to {s.after.name}",
            s.accuracy.value,
            s.accuracy.error,
            s.note,
        )
        for s in changes
    ]
    return figure(
        "What each stage cost",
        _plots.cost_of_steps(bars),
        "Differences fold by fold with their standard error; on the right the bytes. "
        "What is simulated saves nothing until it is packed.",
    )


def _recall(stages: Sequence[Stage]) -> str:
    teacher, packed = find(stages, "teacher"), find(stages, "packed")
    if teacher is None or packed is None:
        return ""
    if not all(
        any(r.get("recall_per_class") for r in s.rows) for s in (teacher, packed)
    ):
        return ""
    return figure(
        "Recall of each class",
        _plots.recall_per_class(teacher, packed),
        "Means over folds, greatest loss first; at most the "
        f"{_plots.MOST_CLASSES} classes that changed most.",
    )
