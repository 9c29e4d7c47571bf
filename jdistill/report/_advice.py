"""Which recipe lost, and what to try."""

from collections.abc import Sequence
from typing import NamedTuple

from jdistill.report import _format as form
from jdistill.report._differences import difference
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
        "a temperature of 1 or 2, a smaller alpha, more steps, examples without a "
        "label for the teacher to speak of, or a teacher stopped before it knows its "
        "training part by heart; docs/recipes.md has what decided on four data sets",
    ),
    Rule(
        "pruned",
        "distilled",
        "Pruning cost accuracy",
        "less sparsity, a slower schedule, or more steps",
    ),
    Rule(
        "quantised",
        "pruned",
        "Quantising cost accuracy",
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
        "Integer products lost accuracy",
        "step sizes of activations from more batches",
    ),
)


def advice(rows: Sequence[Row], stages: Sequence[Stage]) -> list[str]:
    """A line for each recipe that lost for certain: by how much, and what to try.

    Example:
        >>> row = {'stage': 'comparison', 'of': 'pruned', 'against': 'distilled',
        ...        'difference': -0.02, 'low': -0.03, 'high': -0.01}
        >>> advice([row], ())[0].split('. ')[0]
        'Pruning cost accuracy (−2.00 points, 95 % interval −3.00 to −1.00)'
    """
    said = []
    for rule in RULES:
        found = difference(rows, stages, rule.of, rule.against)
        if found is not None and found.tone == "bad":
            ends = form.interval(found.low, found.high)
            by = f"{form.points(found.value)} points, 95 % interval {ends}"
            said.append(f"{rule.lost} ({by}). Try {rule.attempt}.")
    return said
