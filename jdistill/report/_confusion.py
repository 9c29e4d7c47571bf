"""Which classes are taken for which: the confusion matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jdistill.report._figures import recall
from jdistill.report._markup import grid, section, text, word
from jdistill.report._summary import BASELINES, CHAIN, Stage, confusion_in, ends, find

MOST_CLASSES = 20
MOST_PAIRS = 6


class Counts(NamedTuple):
    """Test examples by true class and by what a stage said, over folds and seeds."""

    stage: Stage
    matrix: np.ndarray
    classes: Sequence[str]


def confusion(stages: Sequence[Stage]) -> str:
    """The matrix of the last stage, what it mistakes most often, and recall.

    The last one is that of the chain; where no stage is called so, of those given.

    Example:
        >>> confusion(())
        ''
    """
    chain = [find(stages, name) for name in CHAIN]
    path = [stage for stage in chain if stage is not None]
    path = path or [stage for stage in stages if stage.name not in BASELINES]
    shown = [counts for stage in path if (counts := _counts(stage)) is not None]
    if not shown:
        return section("Which classes are mistaken", recall(stages))
    last, first = shown[-1], shown[0]
    few = len(last.classes) <= MOST_CLASSES
    begun = first.stage is not last.stage and first.stage is ends(stages)[0]
    parts = [_matrix(last) if few else "", _pairs(last, first if begun else None)]
    left = f"<div>{''.join(parts)}</div>"
    return section(
        "Which classes are mistaken",
        f'<div class="plots">{left}{recall(stages)}</div>',
    )


def _counts(stage: Stage) -> Counts | None:
    matrix = confusion_in(stage)
    if matrix is None:
        return None
    names = stage.rows[0].get("classes") or range(len(matrix))
    return Counts(stage, matrix, [str(name) for name in names])


def _matrix(counts: Counts) -> str:
    whole = np.maximum(counts.matrix.sum(axis=1, keepdims=True), 1)
    shares = counts.matrix / whole
    lines = [
        [
            (text(name), "text"),
            *(
                _cell(counts.matrix[i, j], shares[i, j], i == j)
                for j in range(len(shares))
            ),
        ]
        for i, name in enumerate(counts.classes)
    ]
    heads = [(f"<span>{text(name)}</span>", "turned") for name in counts.classes]
    said = f"{text(counts.stage.name)} {word(counts.stage.realised)}"
    return (
        f'<p class="muted">Test examples of {said}: a line is what they are, a column '
        "what they are taken for; shaded by the share of their class.</p>"
        f'<div class="matrix">{grid([("", "text"), *heads], lines)}</div>'
    )


def _cell(number: float, share: float, right: bool) -> tuple[str, str]:
    """A count on a ground as strong as its share; mistakes stand out though few."""
    if not number:
        return "·", ""
    tone, strength = ("other", 40 * share) if right else ("bad", 15 + 60 * share)
    ground = f"color-mix(in srgb, var(--{tone}) {strength:.0f}%, transparent)"
    return f'<i style="background: {ground}">{number:.0f}</i>', ""


def _pairs(counts: Counts, teacher: Counts | None) -> str:
    """The most frequent mistakes, beside how often the teacher makes them."""
    wrong = counts.matrix * (1 - np.eye(len(counts.matrix)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    places = [np.unravel_index(place, wrong.shape) for place in order]
    places = [place for place in places if wrong[place]]
    if not places:
        return ""
    whole = counts.matrix.sum(axis=1)
    lines = [
        [
            (text(counts.classes[i]), "text"),
            (text(counts.classes[j]), "text"),
            (f"{wrong[i, j]:.0f} of {whole[i]:.0f}", ""),
            *([] if teacher is None else [(f"{teacher.matrix[i, j]:.0f}", "")]),
        ]
        for i, j in places
    ]
    titles = [("most often", "text"), ("taken for", "text")]
    titles += [(text(counts.stage.name), "")]
    titles += [] if teacher is None else [(text(teacher.stage.name), "")]
    return grid(titles, lines)
