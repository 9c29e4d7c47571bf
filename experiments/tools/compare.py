"""Two folders of runs, stage by stage."""

import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import rich.console

from experiments.tools import headline
from experiments.tools.rows import read_rows
from jdistill import report
from jdistill.words import visible

MOST = 20
"""Differences of the configurations that are shown."""


def compare(arguments: Sequence[str]) -> None:
    """Prints what differs between the configurations and the results of two folders.

    Raises:
        ValueError: they are not two, or one has no rows.
    """
    if len(arguments) != 2:
        raise ValueError(f"compare wants two folders, got {len(arguments)}: see --help")
    folders = [pathlib.Path(argument) for argument in arguments]
    rows = []
    for folder in folders:
        rows.append(read_rows(folder / "rows.jsonl"))
        if not rows[-1]:
            raise ValueError(f"{folder} has no rows: take the --workdir of a run")
    screen = rich.console.Console()
    for letter, folder in zip("AB", folders, strict=True):
        line = f"{letter}: {folder}"
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    for line in _configs(*folders):
        screen.print(visible(line), highlight=False, markup=False, soft_wrap=True)
    figures = headline.of_config(_read(folders[0]))
    screen.print(report.compare(*rows, names=("A", "B"), figures=figures))


def _configs(first: pathlib.Path, second: pathlib.Path) -> list[str]:
    """What the configurations of two folders have of their own."""
    sides = [dict(_flat(_read(folder))) for folder in (first, second)]
    lines = []
    for key in sorted({*sides[0], *sides[1]}):
        a, b = (side.get(key, "absent") for side in sides)
        lines += [f"config.{key}: {a} in A, {b} in B"] * (a != b)
    more = len(lines) - MOST
    return [*lines[:MOST], *([f"and {more} more"] if more > 0 else [])]


def _read(folder: pathlib.Path) -> Any:
    try:
        return json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}


def _flat(config: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(config, Mapping) and config:
        for key, value in config.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, json.dumps(config)
