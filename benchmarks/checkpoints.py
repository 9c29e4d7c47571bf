"""What saving a state costs, beside Orbax as it comes, in the same run.

    python -m benchmarks.checkpoints [--mb 200] [--rounds 5] [--out results.jsonl]

Ours copies the state, so that training may go on, notes a checksum a leaf, and writes
it uncompressed; Orbax's `StandardSave` compresses it with zstd. 'cpu_ratio' is ours
over theirs in seconds of the processor, of all threads, 'user_ratio' without those that
the system takes, to find memory and to write, which vary most; both by the size of the
state are 'cpu_s_a_gb' and 'user_s_a_gb', 'disk_ratio' is of the bytes on disk. Normal
numbers, as weights are, shrink little.
"""

import os
import pathlib
import statistics
import tempfile
from collections.abc import Callable

import numpy as np
import orbax.checkpoint as ocp

from benchmarks import _measure
from jdistill import train


def state_of(mb: int) -> dict[str, np.ndarray]:
    """Arrays of float32 that are `mb` million bytes together."""
    draw = np.random.default_rng(0)
    return {f"w{n}": draw.standard_normal(mb * 31_250, np.float32) for n in range(8)}


def ours(folder: pathlib.Path, state: dict) -> None:
    """One state saved, and whole."""
    store = train.checkpoints(folder)
    store.save(1, state)
    store.close()


def theirs(folder: pathlib.Path, state: dict) -> None:
    """The same with what Orbax does by default."""
    writer = ocp.AsyncCheckpointer(ocp.StandardCheckpointHandler())
    writer.save(folder / "1", args=ocp.args.StandardSave(state))
    writer.wait_until_finished()
    writer.close()


def measure(*, mb: int, rounds: int) -> list[dict]:
    """The row of one size."""
    state, sizes = state_of(mb), {}
    user: dict[str, list[float]] = {"ours": [], "theirs": []}

    def timed(name: str, save: Callable[[pathlib.Path, dict], None]) -> _measure.Taken:
        with tempfile.TemporaryDirectory() as folder:
            start, before = _measure.now(), os.times().user
            save(pathlib.Path(folder), state)
            taken = _measure.since(start)
            user[name].append(os.times().user - before)
            files = [x for x in pathlib.Path(folder).rglob("*") if x.is_file()]
            sizes[name] = sum(x.stat().st_size for x in files)
        return taken

    calls = {"ours": ours, "theirs": theirs}
    clocked = {n: lambda n=n, f=f: timed(n, f) for n, f in calls.items()}
    for name, call in clocked.items():
        call()
        user[name].clear()
    taken = _measure.interleaved(clocked, rounds=rounds)
    gigabytes = sum(x.nbytes for x in state.values()) / 1e9
    each = {n: statistics.median(x.cpu for x in taken[n]) / gigabytes for n in calls}
    row = _measure.cost(
        "checkpoint_save", taken["ours"], taken["theirs"],
        mb=mb,
        user_ratio=round(_median_ratio(user["ours"], user["theirs"]), 4),
        cpu_s_a_gb={name: round(x, 2) for name, x in each.items()},
        user_s_a_gb={
            name: round(statistics.median(x) / gigabytes, 2) for name, x in user.items()
        },
        disk_ratio=round(sizes["ours"] / sizes["theirs"], 3),
        **_measure.where_and_with(_measure.cores()),
    )  # fmt: skip
    return [row]


def _median_ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    """One row."""
    given = _measure.arguments(mb=200, rounds=5)
    _measure.write(measure(mb=given.mb, rounds=given.rounds), given.out)


if __name__ == "__main__":
    main()
