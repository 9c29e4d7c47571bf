"""What each stage gained or cost against the one before it."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from jdistill.report import _format as form
from jdistill.report._differences import Difference, difference
from jdistill.report._quality import ACCURACY, Figure
from jdistill.report._summary import CHAIN, Row, Stage, find


class Step(NamedTuple):
    """One change: from a stage to the next, its figure and its bytes."""

    before: Stage
    after: Stage
    change: Difference
    note: str


def steps(
    stages: Sequence[Stage], rows: Sequence[Row] = (), figure: Figure = ACCURACY
) -> tuple[Step, ...]:
    """The steps of the chain, and distilling against training on labels alone.

    Args:
        stages: as `summarize` gives them.
        rows: those of an experiment, for the comparisons among them.
        figure: what the differences are of.

    Returns:
        The steps for which both ends are there.

    Example:
        >>> steps(())
        ()
    """
    path = [find(stages, name) for name in CHAIN if name != "student"]
    path = [stage for stage in path if stage is not None]
    pairs = list(itertools.pairwise(path))
    labels, distilled = find(stages, "student"), find(stages, "distilled")
    if labels is not None and distilled is not None:
        pairs.insert(0, (labels, distilled))
    changes = [
        (a, b, difference(rows, stages, b.name, a.name, figure)) for a, b in pairs
    ]
    return tuple(Step(a, b, d, _bytes(a, b)) for a, b, d in changes if d is not None)


def _bytes(before: Stage, after: Stage) -> str:
    old, new = before.means.get("bytes"), after.means.get("bytes")
    if old is None or new is None:
        return ""
    if form.size(old.value) == form.size(new.value):
        return f"{form.size(new.value)}, as before"
    return f"{form.size(old.value)} to {form.size(new.value)}"
