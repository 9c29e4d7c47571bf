"""What each stage gained or cost against the one before it."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from jdistill.report import _format as form
from jdistill.report._summary import CHAIN, Mean, Stage, find, mean_over_folds


class Step(NamedTuple):
    """One change: from a stage to the next, its accuracy and its bytes."""

    before: Stage
    after: Stage
    accuracy: Mean
    note: str


def steps(stages: Sequence[Stage]) -> tuple[Step, ...]:
    """The steps of the chain, and distilling against training on labels alone.

    Differences are taken fold by fold, so their standard errors are those of pairs.

    Args:
        stages: as `summarize` gives them.

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
    changes = [(a, b, paired(a, b)) for a, b in pairs]
    return tuple(Step(a, b, m, _bytes(a, b)) for a, b, m in changes if m is not None)


def paired(before: Stage, after: Stage, key: str = "accuracy") -> Mean | None:
    """The mean difference of a figure over the folds and seeds that both stages have.

    Example:
        >>> a = Stage('a', 'dense', {}, [{'fold': f, 'accuracy': 0.5} for f in (0, 1)])
        >>> paired(a, a)
        Mean(value=0.0, error=0.0)
    """
    first = {(r.get("fold"), r.get("seed")): r.get(key) for r in before.rows}
    rows, values = [], []
    for row in after.rows:
        old = first.get((row.get("fold"), row.get("seed")))
        if old is not None and row.get(key) is not None:
            rows.append(row)
            values.append(row[key] - old)
    return mean_over_folds(rows, values)


def _bytes(before: Stage, after: Stage) -> str:
    old, new = before.means.get("bytes"), after.means.get("bytes")
    if old is None or new is None:
        return ""
    if form.size(old.value) == form.size(new.value):
        return f"{form.size(new.value)}, as before"
    return f"{form.size(old.value)} to {form.size(new.value)}"
