"""Which recipe lost, and what to try."""

from collections.abc import Sequence
from typing import NamedTuple

from jdistill.report._differences import difference
from jdistill.report._quality import ACCURACY, Figure
from jdistill.report._summary import Row, Stage


class Rule(NamedTuple):
    """Where `of` is worse than `against`: what `lost`, and what to `attempt`."""

    of: str
    against: str
    lost: str
    attempt: str


RULES = (
    Rule(
        "teacher",
        "student",
        "The teacher is worse than the student on labels alone",
        "train it longer, or take a larger, several or a pretrained one",
    ),
    Rule(
        "teacher",
        "tfidf",
        "The teacher is worse than TF-IDF with a linear classifier",
        "regularise it, train it longer, or take a pretrained one",
    ),
    Rule(
        "distilled",
        "student",
        "Distilling lost to the student on labels alone",
        "a temperature of 1 or 2, a smaller alpha, more steps, unlabelled "
        "examples for the teacher to label, or a teacher stopped before it overfits; "
        "docs/recipes.md has what decided on four data sets",
    ),
    Rule(
        "pruned",
        "distilled",
        "Pruning cost {figure}",
        "less sparsity, a slower schedule, or more steps",
    ),
    Rule(
        "quantised",
        "pruned",
        "Quantising cost {figure}",
        "more bits, smaller groups, or more steps with a smaller learning rate",
    ),
    Rule(
        "packed",
        "equal_bytes",
        "A plain student as small as the file is better than the file",
        "less sparsity on a smaller student, a longer training with the teacher, or "
        "that plain student",
    ),
    Rule(
        "executed",
        "packed",
        "Integer products cost {figure}",
        "step sizes of activations from more batches",
    ),
)


def advice(
    rows: Sequence[Row], stages: Sequence[Stage], figure: Figure = ACCURACY
) -> list[str]:
    """A line for each recipe that lost for certain: by how much, and what to try.

    Example:
        >>> row = {'stage': 'comparison', 'of': 'pruned', 'against': 'distilled',
        ...        'difference': -0.02, 'low': -0.03, 'high': -0.01}
        >>> advice([row], ())[0].split('. ')[0]
        'Pruning cost accuracy (−2.00 points, 95 % interval −3.00 to −1.00)'
    """
    said = []
    for rule in RULES:
        found = difference(rows, stages, rule.of, rule.against, figure)
        if found is not None and found.tone == "bad":
            lost = rule.lost.format(figure=figure.title)
            by = f"{found.text} {figure.unit}, 95 % interval {found.interval}"
            said.append(f"{lost} ({by}). Try {rule.attempt}.")
    return said
