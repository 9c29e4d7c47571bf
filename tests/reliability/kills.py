"""Kills of the pipeline: `python -m tests.reliability.kills [COUNT]`.

One command is killed at every named place and COUNT times at random, and started again
until it ends; then the next run begins. Parameters, files, rows and curves of each run
must be those of one that nobody stopped. Prints one row of JSON.
"""

import collections
import json
import pathlib
import sys
import tempfile
import time

import numpy as np

from tests.experiments.test_resume import assert_same_end, start

PLACES = (
    *("row:1", "row:3", "row:5", "row:7", "row:9"),  # between a save and its row
    *("save:1.0", "save:3.01", "save:5.002", "save:8.03", "save:9.004"),  # amid one
    *("commit:2", "commit:3", "commit:5", "commit:7"),  # between a commit and the next
    *("deletion:1", "deletion:2", "deletion:3"),  # amid the deletion of an old one
    *("saved:20", "saved:40", "saved:60"),  # a copy is made and nothing written
    *("stage:2", "stage:4", "stage:6"),  # before a stage
)


def moments(count: int, seconds: float) -> list[str]:
    """When to kill: the named places and random times in any order, then spare times.

    Args:
        count: how many random times stand among the places; three times as many follow,
            as some come when a run has ended already.
        seconds: what a whole run takes, of which a time is a part.

    Example:
        >>> len(moments(10, 5.0)) - len(PLACES)
        40
    """
    rng = np.random.default_rng(0)
    parts = rng.uniform(0.05, 0.9, 4 * count)
    times = [f"time:{seconds * part:.2f}" for part in parts]
    first = [*PLACES, *times[:count]]
    return [first[i] for i in rng.permutation(len(first))] + times[count:]


def main(count: int) -> int:
    """Kills, and compares; 1 where something differs."""
    begin, kills = time.perf_counter(), collections.Counter()
    different = runs = 0
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        start(home, home / "first")  # fills the cache of compiled programs
        whole = time.perf_counter()
        start(home, home / "whole")
        seconds = time.perf_counter() - whole
        for number, moment in enumerate(moments(count, seconds)):
            if number >= len(PLACES) + count and kills["time"] >= count:
                break
            if start(home, home / f"run{runs}", moment) != 0:
                kills[moment.split(":")[0]] += 1
            else:  # it ended before its time
                different += _differs(home, runs)
                runs += 1
        start(home, home / f"run{runs}")
        different += _differs(home, runs)
    row = {
        "harness": "kills of the pipeline",
        "tried": sum(kills.values()),
        **{f"at {place}": number for place, number in sorted(kills.items())},
        "runs": runs + 1,
        "runs with other bits": different,
        "seconds": round(time.perf_counter() - begin),
    }
    print(json.dumps(row))
    return int(different > 0)


def _differs(home: pathlib.Path, run: int) -> int:
    try:
        assert_same_end(home / "whole", home / f"run{run}")
    except AssertionError as error:
        print(f"run{run}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
