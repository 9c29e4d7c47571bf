"""What harnesses count, and how they end."""

import collections
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

Outcome = tuple[str, str, str]
"""How a case ended in a word, what it was, what it said."""


class Tally(NamedTuple):
    """Every outcome, those that ended as none should, how many how, the seconds."""

    every: list[Outcome]
    wrong: list[Outcome]
    counts: collections.Counter[str]
    seconds: int


def tally(outcomes: Iterable[Outcome], right: Collection[str] = ("right",)) -> Tally:
    """Counts cases as they come.

    Example:
        >>> found = tally([('right', 'a', ''), ('silent', 'b', '')])
        >>> found.counts['right'], found.wrong
        (1, [('silent', 'b', '')])
    """
    begin = time.perf_counter()
    every = list(outcomes)
    wrong = [outcome for outcome in every if outcome[0] not in right]
    counts = collections.Counter(how for how, *_ in every)
    return Tally(every, wrong, counts, round(time.perf_counter() - begin))


def main(run: Callable[[int], tuple[dict[str, Any], list[Outcome]]]) -> int:
    """Runs every n-th case, n the argument of the command, and prints the row."""
    row, wrong = run(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for case in wrong:
        print(*case, file=sys.stderr)
    print(json.dumps(row))
    return int(bool(wrong))
