"""Runs the experiment of a configuration, to its table and its report.

    python -m experiments.main --config=configs/NAME.py[:arg] --workdir=DIR
        [--config.key=value ...] [--traceback]

The same command goes on where it was stopped. DIR receives `config.json`, `rows.jsonl`
and `report.html`.
"""

import ast
import errno
import importlib
import logging
import pathlib
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_collections
import rich.console
import rich.text

import experiments
from experiments.flags import Command, parse
from experiments.origin import origin
from experiments.rows import open_rows, read_rows
from experiments.workdir import check_there, claim, write_whole
from jdistill import report, train

IDENTITY = ("stage", "fold", "seed", "of", "against", "metric")
"""What tells rows apart; an experiment's own `IDENTITY` adds to it."""

FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: Sequence[str]) -> int:
    """Runs one command line; 0, or 2 with one line on standard error."""
    screen = rich.console.Console()
    if {"--help", "-h"} & set(arguments):
        sys.stdout.write(__doc__ or "")
        return 0
    rest = [argument for argument in arguments if argument != "--traceback"]
    # What a save meets is raised here as well, and then said in one line.
    for name in ("absl", "asyncio", "concurrent.futures"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        command = parse(rest)
        experiment = load(command.config)
        start(command.config, command.workdir, experiment, about=about(command))
        show(command.workdir, screen)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130
    except Exception as error:
        if len(rest) < len(arguments) or not _is_users(error):
            raise
        sys.stderr.write(f"error: {_said(error)}\n")
        return 2
    return 0


def load(config: ml_collections.ConfigDict) -> Any:
    """The experiment that `config.experiment` names.

    Raises:
        ValueError: there is none of this name; the message lists those that are.
    """
    names = sorted(
        file.stem
        for folder in experiments.__path__
        for file in pathlib.Path(folder).glob("*.py")
        if re.search(r"^def run\(", file.read_text(), re.MULTILINE)
    )
    name = config.get("experiment")
    if name not in names:
        valid = ", ".join(names) or "none"
        raise ValueError(f"config.experiment is {name!r}; valid: {valid}")
    return importlib.import_module(f"experiments.{name}")


def start(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    experiment: Any,
    *,
    about: Mapping[str, str],
) -> None:
    """Runs an experiment, writes each of its rows once, and then the report."""
    release = train.lock(workdir)
    try:
        _run(config, workdir, experiment, about)
    finally:
        release()


def about(command: Command) -> dict[str, str]:
    """What the report's page says on top: title, question and command."""
    file, _, argument = command.source.partition(":")
    said = ast.get_docstring(ast.parse(pathlib.Path(file).read_text())) or ""
    title = ":".join(filter(None, (pathlib.Path(file).stem, argument)))
    again = shlex.join(["python", "-m", "experiments.main", *command.arguments])
    return {"title": title, "question": said.split("\nCost:")[0], "command": again}


def _run(config: Any, workdir: pathlib.Path, experiment: Any, about: Any) -> None:
    claim(workdir, config.to_dict())
    identity = dict.fromkeys((*IDENTITY, *getattr(experiment, "IDENTITY", ())))
    append: Callable = open_rows(workdir / "rows.jsonl", tuple(identity))
    source = origin()
    for row in experiment.run(config, workdir):
        report.check(row)
        check_there(workdir)
        append({**row, **source})
    rows, curves = (read_rows(workdir / f"{n}.jsonl") for n in ("rows", "curves"))
    page = report.html(rows, curves, config=config.to_dict(), **about)
    write_whole(workdir / "report.html", page)


def show(workdir: pathlib.Path, screen: rich.console.Console) -> None:
    """Prints the final table and where the report is."""
    rows = read_rows(workdir / "rows.jsonl")
    screen.print(report.table(rows))
    for row in rows:
        if "writes" in row:
            line = rich.text.Text.assemble((f"{row['stage']}: ", "bold"), row["writes"])
            screen.print(line)
    where = f"report: {workdir / 'report.html'}"
    screen.print(where, highlight=False, markup=False, soft_wrap=True)


def _is_users(error: Exception) -> bool:
    """Whether this package, or the file system, found a fault in what it was given."""
    if isinstance(error, OSError):
        return True
    ours = {pathlib.Path(report.__file__).parents[1]}
    ours |= {pathlib.Path(folder) for folder in experiments.__path__}
    last = pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    kinds = (ValueError, TypeError, FloatingPointError)
    raised_here = any(folder in last.parents for folder in ours)
    return isinstance(error, kinds) and raised_here and "\n" not in str(error)


def _said(error: Exception) -> str:
    """What an error says in one line; of the file system's, what to do as well."""
    number = getattr(error, "errno", None)
    if number is None:
        return " ".join(str(error).split())
    place = f": {error.filename}" if error.filename else ""
    again = "; the same command goes on when there is room" if number in FULL else ""
    return f"{error.strerror}{place}{again}"


def command() -> int:
    """Runs this process's command line, and shows its line and no more.

    A save that failed leaves callbacks behind, which find their event loop closed and
    would each print a traceback.
    """
    shown = sys.excepthook

    def hook(kind, error, trace):
        if str(error) != "Event loop is closed":
            shown(kind, error, trace)

    sys.excepthook = hook
    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(command())
