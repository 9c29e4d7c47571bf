"""Two folders of runs, stage by stage."""

import json
import math
import pathlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import rich.box
import rich.console
import rich.table
import rich.text

from experiments.rows import read_rows
from jdistill import report

Row = Mapping[str, Any]
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
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(table(*rows))


def table(first: Sequence[Row], second: Sequence[Row]) -> rich.table.Table:
    """The stages of both, with the difference in accuracy and the ratio of the bytes.

    Args:
        first: rows of a run.
        second: rows of another.

    Returns:
        What `rich.print` shows. Differences are those of rows of one fold and seed,
        with their standard error; where the two have no fold and seed in common, of
        the means.

    Example:
        >>> row = {'stage': 'student', 'realised': 'dense', 'accuracy': 0.5}
        >>> table([row], [{**row, 'accuracy': 0.75}]).row_count
        1
    """
    shown = rich.table.Table(
        caption="B against A, over the folds and seeds that both have ± standard error",
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    left = ("stage", "realised")
    titles = ("accuracy % A", "B", "difference", "kB A", "B", "ratio")
    for title in (*left, *titles):
        justify = "left" if title in left else "right"
        shown.add_column(title, justify=justify, no_wrap=True)
    sides = [
        {(s.name, s.realised): s for s in report.summarize(rows)}
        for rows in (first, second)
    ]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        a, b = (side.get(key) for side in sides)
        cells = [*key, _mean(a), _mean(b), _difference(a, b), *_sizes(a, b)]
        shown.add_row(*map(rich.text.Text, cells))
    return shown


def _mean(stage: Any) -> str:
    mean = None if stage is None else stage.means.get("accuracy")
    if mean is None:
        return "–"
    error = "" if mean.error is None else f" ±{100 * mean.error:.2f}"
    return f"{100 * mean.value:.2f}{error}"


def _difference(a: Any, b: Any) -> str:
    if a is None or b is None:
        return "–"
    known = [
        {(r.get("fold"), r.get("seed")): r["accuracy"] for r in s.rows} for s in (a, b)
    ]
    pairs = [(known[0][key], known[1][key]) for key in known[0] if key in known[1]]
    gains = [100 * (y - x) for x, y in pairs if x is not None and y is not None]
    if not gains:
        means = [s.means.get("accuracy") for s in (a, b)]
        if None in means:
            return "–"
        gains = [100 * (means[1].value - means[0].value)]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else None
    shown = "" if error is None else f" ±{error:.2f}"
    return f"{statistics.fmean(gains):+.2f}{shown}"


def _sizes(a: Any, b: Any) -> tuple[str, str, str]:
    means = [None if s is None else s.means.get("bytes") for s in (a, b)]
    sizes = [None if mean is None else mean.value / 1e3 for mean in means]
    texts = ["–" if size is None else f"{size:.2f}" for size in sizes]
    both = None not in sizes and sizes[0]
    return texts[0], texts[1], f"{sizes[1] / sizes[0]:.3g}" if both else "–"


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
