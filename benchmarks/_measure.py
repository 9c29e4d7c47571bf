"""Interleaved timings and the JSON line that a ratio of them becomes."""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch")


class Taken(NamedTuple):
    """Seconds by the clock, and seconds of all this process's threads together."""

    wall: float
    cpu: float


def now() -> Taken:
    """What both clocks show."""
    return Taken(time.perf_counter(), time.process_time())


def since(start: Taken) -> Taken:
    """What has gone by."""
    return Taken(*(b - a for a, b in zip(start, now(), strict=True)))


def total(taken: Iterable[Taken]) -> Taken:
    """The sum by each clock."""
    return Taken(*map(sum, zip(*taken, strict=True)))


def timed(call: Callable[[], Any]) -> Taken:
    """How long a call takes until what it returns is computed."""
    start = now()
    jax.block_until_ready(call())
    return since(start)


def interleaved(
    calls: Mapping[str, Callable[[], Taken]], *, rounds: int
) -> dict[str, list[Taken]]:
    """Each call once a round, in turns, so that a busy machine slows all of them.

    Args:
        calls: functions that time themselves, by name.
        rounds: how often each is called; the order turns round every time.

    Returns:
        Times by name, one a round.
    """
    taken: dict[str, list[Taken]] = {name: [] for name in calls}
    for turn in range(rounds):
        names = list(calls) if turn % 2 == 0 else list(reversed(calls))
        for name in names:
            taken[name].append(calls[name]())
    return taken


def in_turns(
    calls: Mapping[str, Callable[[], Any]], *, rounds: int, turns: int
) -> dict[str, list[Taken]]:
    """Rounds that are the sum of many short turns each, after one to warm up.

    Args:
        calls: what to time, by name.
        rounds: how many times each get.
        turns: how often each is called in a round.

    Returns:
        Times by name, one a round.
    """
    clocked = {k: lambda call=call: timed(call) for k, call in calls.items()}
    interleaved(clocked, rounds=1)
    taken = [interleaved(clocked, rounds=turns) for _ in range(rounds)]
    return {name: [total(one[name]) for one in taken] for name in calls}


def speedup(
    name: str, ours: Sequence[Taken], theirs: Sequence[Taken], **more: Any
) -> dict[str, Any]:
    """The row of a figure: how many times longer `theirs` takes than `ours`.

    Args:
        name: of the figure.
        ours: times, one a round.
        theirs: times of the same rounds.
        more: further columns.

    Returns:
        A row; 'ratio' is the median over the rounds of the ratio within a round, by
        the clock, and 'cpu_ratio' the same of the processor's seconds, which other
        programs on the machine disturb less.
    """
    return _row(name, theirs, ours, ours, theirs, more)


def cost(
    name: str, ours: Sequence[Taken], theirs: Sequence[Taken], **more: Any
) -> dict[str, Any]:
    """The row of a figure: how many times longer `ours` takes than `theirs`.

    Like `speedup`, the other way round.
    """
    return _row(name, ours, theirs, ours, theirs, more)


def _row(name, above, below, ours, theirs, more) -> dict[str, Any]:
    pairs = list(zip(above, below, strict=True))
    walls = [a.wall / b.wall for a, b in pairs]
    return {
        "name": name,
        "ratio": round(statistics.median(walls), 4),
        "cpu_ratio": round(statistics.median(a.cpu / b.cpu for a, b in pairs), 4),
        "ratios": [round(x, 4) for x in walls],
        "ours_s": round(statistics.median(x.wall for x in ours), 6),
        "theirs_s": round(statistics.median(x.wall for x in theirs), 6),
        "n": len(pairs),
        **more,
    }


def cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def where_and_with(threads: int) -> dict[str, Any]:
    """The columns that say on what a figure was measured."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": _processor(),
        "threads": threads,
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
        "load": round(os.getloadavg()[0], 2),
    }


def write(rows: Sequence[Mapping[str, Any]], out: str | None) -> None:
    """Prints rows as JSON lines, and appends them to a file where one is named."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    print(lines, end="", flush=True)
    if out:
        with pathlib.Path(out).open("a") as file:
            file.write(lines)


def arguments(**defaults: int) -> argparse.Namespace:
    """Command line of a benchmark: `--out`, `--rounds` and its sizes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", help="a file to append the rows to")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [x.split(":")[1].strip() for x in lines if x.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
