"""Bad calls from Python: `python -m tests.reliability.calls [SHARE]`, a row of JSON.

Each must end in a ValueError or TypeError of one line that names what is wrong, and
none in silence or in any other exception.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from tests.reliability import bad_calls, bad_numbers, mixups, plain
from tests.reliability.bad_numbers import Call
from tests.reliability.tally import Outcome, main, tally


def cases() -> Iterator[Call]:
    """Every bad call that there is."""
    yield from bad_numbers.of_losses()
    yield from bad_numbers.of_factories()
    yield from bad_calls.every()
    yield from mixups.every()
    yield from plain.every()


def outcome(case: Call) -> tuple[str, str]:
    """How a call ended, and what it said.

    'right', 'silent' (it returned), 'other' (another exception), 'lines' (several) or
    'unnamed' (the culprit is not named).
    """
    try:
        case.call()
    except Exception as error:
        said = str(error)
        if type(error) not in (ValueError, TypeError):
            return "other", f"{type(error).__name__}: {said[:200]}"
        if "\n" in said:
            return "lines", said[:200]
        named = all(name in said for name in case.names)
        return "right" if named else "unnamed", said
    return "silent", ""


def run(share: int = 1) -> tuple[dict[str, Any], list[Outcome]]:
    """The row of every `share`-th case, and the cases that ended otherwise."""
    found = tally(_outcomes(share))
    counts = found.counts
    row = {
        "harness": "API calls",
        "tried": counts.total(),
        "silent": counts["silent"],
        "other exceptions": counts["other"],
        "culprit not named": counts["unnamed"],
        "not one line": counts["lines"],
        "seconds": found.seconds,
    }
    return row, found.wrong


def _outcomes(share: int) -> Iterator[Outcome]:
    for case in list(cases())[::share]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            how, said = outcome(case)
        if os.environ.get("SHOW"):
            print(how, case.what, said, file=sys.stderr, flush=True)
        yield how, case.what, said


if __name__ == "__main__":
    sys.exit(main(run))
