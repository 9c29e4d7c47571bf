"""Interleaved timings and the JSON line that a ratio of them becomes."""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch")


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes until what it returns is computed."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def interleaved(
    calls: Mapping[str, Callable[[], float]], *, rounds: int
) -> dict[str, list[float]]:
    """Each call once a round, in turns, so that a busy machine slows all of them.

    Args:
        calls: functions that return their own seconds, by name.
        rounds: how often each is called; the order turns round every time.

    Returns:
        Seconds by name, one a round.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds):
        names = list(calls) if turn % 2 == 0 else list(reversed(calls))
        for name in names:
            taken[name].append(calls[name]())
    return taken


def ratio(
    name: str, ours: Sequence[float], theirs: Sequence[float], **more: Any
) -> dict[str, Any]:
    """The row of a figure: how many times longer `theirs` takes than `ours`.

    Args:
        name: of the figure.
        ours: seconds, one a round.
        theirs: seconds of the same rounds.
        more: further columns.

    Returns:
        A row; 'ratio' is the median over the rounds of the ratio within a round.
    """
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "name": name,
        "ratio": round(statistics.median(ratios), 4),
        "ratios": [round(x, 4) for x in ratios],
        "ours_s": round(statistics.median(ours), 6),
        "theirs_s": round(statistics.median(theirs), 6),
        "n": len(ratios),
        **more,
    }


def where_and_with(threads: int) -> dict[str, Any]:
    """The columns that say on what a figure was measured."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": _processor(),
        "threads": threads,
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
