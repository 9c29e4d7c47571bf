"""Where progress is shown: a terminal, a notebook, a log."""

import html
import importlib
import pathlib
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import rich.console
import rich.progress

from jdistill.words import visible

SECONDS = 5.0
"""Least time between two lines of a log."""
SHARE = 0.02
"""And the share of the time so far: the log of a day is no longer than a screen."""


class Seen(NamedTuple):
    """How far a run is.

    `place` is such as 'stage 2 of 7', or ''; `share`, of all stages, is 0 to 1;
    `left` are seconds, None where nothing is known of them.
    """

    name: str
    step: int
    num_steps: int
    place: str
    share: float
    left: float | None
    figures: Mapping[str, float]


class Display(NamedTuple):
    """`show(seen)` now and then, `say(line)` to stay, `end()`.

    `pause(elapsed)` is the least time between two calls of `show`, in seconds.
    """

    show: Callable[[Seen], None]
    say: Callable[[str], None]
    end: Callable[[], None]
    pause: Callable[[float], float]


def display(console: rich.console.Console | None) -> Display:
    """The one that suits where the output goes; by default standard error.

    Example:
        >>> import io
        >>> display(rich.console.Console(file=io.StringIO())).pause(1000.0)
        20.0
    """
    screen = rich.console.Console(stderr=True) if console is None else console
    if screen.is_jupyter:
        return _plain(_cell())
    return _plain(_bar(screen) if screen.is_terminal else _lines(screen))


def _plain(shown: Display) -> Display:
    """The same of names that steer no terminal."""

    def show(seen: Seen) -> None:
        figures = {visible(name): x for name, x in seen.figures.items()}
        shown.show(seen._replace(name=visible(seen.name), figures=figures))

    return shown._replace(show=show, say=lambda line: shown.say(visible(line)))


def quiet() -> Display:
    """Shows nothing, as on all processes of a job but the first.

    Example:
        >>> quiet().say('not shown')
    """
    return Display(lambda seen: None, lambda line: None, lambda: None, lambda _: 60.0)


def _bar(console: rich.console.Console) -> Display:
    column = rich.progress.TextColumn
    bar = rich.progress.Progress(
        column("{task.description}", markup=False),
        rich.progress.BarColumn(bar_width=20),
        column("{task.fields[text]}", markup=False),
        console=console,
        # No thread draws it: nothing runs beside the training, or is left when it ends.
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("", total=1.0, text="")

    def show(seen: Seen) -> None:
        named = f"{seen.name} {seen.step}/{seen.num_steps}"
        text = "  ".join([*_said(seen), *map(" ".join, _figures(seen.figures))])
        bar.update(task, description=named, completed=seen.share, text=text)
        bar.start()
        bar.refresh()

    def say(line: str) -> None:
        bar.console.print(line, highlight=False, markup=False, soft_wrap=True)

    return Display(show, say, bar.stop, lambda elapsed: 0.25)


def _lines(console: rich.console.Console) -> Display:
    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    def show(seen: Seen) -> None:
        step = f"step {seen.step} of {seen.num_steps}"
        more = [*_said(seen), *_memory(), *map(" ".join, _figures(seen.figures))]
        say(f"{seen.name}: {', '.join([step, *more])}")

    return Display(
        show, say, lambda: None, lambda elapsed: max(SECONDS, SHARE * elapsed)
    )


def _cell() -> Display:
    """A line of the cell's output that is written anew; no widgets are needed."""
    notebook: Any = importlib.import_module("IPython.display")
    handle = notebook.display(notebook.HTML(""), display_id=True)
    lines: list[str] = []

    def write(*now: str) -> None:
        page = "<br>".join([*lines, *now])
        handle.update(notebook.HTML(f'<div class="jdistill-progress">{page}</div>'))

    def show(seen: Seen) -> None:
        words = [*_said(seen), *map(" ".join, _figures(seen.figures))]
        text = html.escape("  ".join(words))
        name = html.escape(f"{seen.name} {seen.step}/{seen.num_steps}")
        write(f'{name} <progress value="{seen.share:.4f}" max="1"></progress> {text}')

    def say(line: str) -> None:
        lines.append(html.escape(line))
        write()

    return Display(show, say, write, lambda elapsed: 0.2)


def _said(seen: Seen) -> list[str]:
    left = [] if seen.left is None else [f"{duration(seen.left)} left"]
    return [*filter(None, [seen.place]), *left]


def _figures(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, f"{value:.4g}") for name, value in figures.items()]


def duration(seconds: float) -> str:
    """A time in the two units that say most.

    Example:
        >>> duration(0.04), duration(4.2), duration(75.0), duration(8e3)
        ('0.0 s', '4.2 s', '1 min 15 s', '2 h 13 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def summary(name: str, num_steps: int, seconds: float, figures) -> str:
    """What is said of a run that has ended.

    Example:
        >>> summary('student', 800, 12.0, {'loss': 0.25})
        'student: 800 steps in 12 s, loss 0.25'
    """
    words = [f"{num_steps} steps in {duration(seconds)}"]
    return f"{name}: {', '.join([*words, *map(' '.join, _figures(figures))])}"


def _memory() -> list[str]:
    """What this process holds, and what is in use of its first accelerator."""
    found = [f"{_resident() / 1e9:.1f} GB"]
    device = jax.local_devices()[0]
    used = (device.memory_stats() or {}).get("bytes_in_use")
    return found if used is None else [*found, f"{used / 1e9:.1f} GB on the device"]


def _resident() -> int:
    """Bytes of this process; where the system does not say, the most it ever had."""
    try:
        pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024)
