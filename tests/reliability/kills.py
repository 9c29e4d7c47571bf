"""Kills of the pipeline: `python -m tests.reliability.kills [COUNT]`.

One command is killed at every named place and at random times, and started again until
it ends; parameters, files, rows and curves must be those of a run that nobody stopped.
Prints one row of JSON.
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


def main(count: int) -> int:
    """Kills, and compares; 1 where something differs."""
    begin, kills = time.perf_counter(), collections.Counter()
    rng = np.random.default_rng(0)
    moments = [*PLACES, *(f"time:{s:.2f}" for s in rng.uniform(6, 20, count))]
    moments = [moments[i] for i in rng.permutation(len(moments))]
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        start(home, home / "whole")
        runs = [moments[i::6] for i in range(6)]
        for number, those in enumerate(runs):
            for moment in those:
                if start(home, home / f"run{number}", moment) != 0:
                    kills[moment.split(":")[0]] += 1
            start(home, home / f"run{number}")
            try:
                assert_same_end(home / "whole", home / f"run{number}")
            except AssertionError:
                different += 1
    row = {
        "harness": "kills of the pipeline",
        "tried": sum(kills.values()),
        **{f"at {place}": number for place, number in sorted(kills.items())},
        "runs": len(runs),
        "runs with other bits": different,
        "seconds": round(time.perf_counter() - begin),
    }
    print(json.dumps(row))
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24))
