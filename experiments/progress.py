"""Progress of a stage: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import rich.console
import rich.progress

SECONDS = 5.0
"""Least time between two lines where there is no terminal."""


@contextlib.contextmanager
def progress(
    total: int, description: str, *, console: rich.console.Console | None = None
) -> Iterator[Callable[..., None]]:
    """Shows how far a stage is.

    Args:
        total: how many steps the stage has.
        description: what is being done.
        console: where to show it; by default standard error.

    Yields:
        `advance(step, metrics={})`, to be called with the number of steps done, also
        those of an earlier run, and figures to show.

    Example:
        >>> with progress(10, 'teacher') as advance:
        ...     advance(5, {'loss': 0.25})
    """
    screen = rich.console.Console(stderr=True) if console is None else console
    shown = _bar if screen.is_terminal else _lines
    with shown(total, description, screen) as advance:
        yield advance


@contextlib.contextmanager
def _bar(total: int, description: str, console: rich.console.Console):
    columns = (
        rich.progress.TextColumn("{task.description:<12}", markup=False),
        rich.progress.BarColumn(bar_width=24),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        rich.progress.TextColumn("{task.fields[figures]}", style="dim", markup=False),
    )
    with rich.progress.Progress(*columns, console=console) as bar:
        task = bar.add_task(description, total=total, figures="")

        def advance(step: int, metrics: Mapping[str, Any] | None = None) -> None:
            if metrics:
                bar.update(task, figures=_figures(metrics))
            bar.update(task, completed=int(step))

        yield advance


@contextlib.contextmanager
def _lines(total: int, description: str, console: rich.console.Console):
    last = time.monotonic()

    def advance(step: int, metrics: Mapping[str, Any] | None = None) -> None:
        nonlocal last
        if time.monotonic() - last < SECONDS:
            return
        last = time.monotonic()
        line = f"{description} {int(step)}/{total} {_figures(metrics)}"
        console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)

    yield advance


def _figures(metrics: Mapping[str, Any] | None) -> str:
    pairs = (metrics or {}).items()
    return "  ".join(f"{name} {float(value):.4g}" for name, value in pairs)
