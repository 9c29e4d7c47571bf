"""From a command line to rows, the table and the report."""

import importlib
import json
import pathlib
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import rich.console
import rich.text

import experiments
from experiments.tools import headline, lanes, listing, plan
from experiments.tools.flags import Command
from experiments.tools.origin import origin
from experiments.tools.rows import open_rows, read_rows
from experiments.tools.variants import folder_of, joined
from experiments.tools.workdir import check_there, claim, write_whole
from jdistill import report, train
from jdistill.words import visible

IDENTITY = ("stage", "fold", "seed", "of", "against", "metric")
"""What tells rows apart; an experiment's own `IDENTITY` adds to it."""


def run(command: Command) -> None:
    """Runs the configuration, or each of its variants, and shows the table."""
    experiment = load(command.config)
    if command.variants:
        _all(command, experiment)
    else:
        start(command.config, command.workdir, experiment, about=about(command))
    show(command.workdir, rich.console.Console(), headline.of(experiment))


def about(command: Command) -> dict[str, str]:
    """What the report's page says on top: title, question and command."""
    file, _, argument = command.source.partition(":")
    title = ":".join(filter(None, (pathlib.Path(file).stem, argument)))
    again = shlex.join(["python", "-m", "experiments.main", *command.arguments])
    question = listing.about(pathlib.Path(file)).split("\nCost:")[0]
    return {"title": title, "question": question, "command": again}


def load(config: ml_collections.ConfigDict) -> Any:
    """The experiment that `config.experiment` names.

    Raises:
        ValueError: there is none of this name; the message lists those that are.
    """
    names = sorted(
        file.stem
        for folder in experiments.__path__
        for file in pathlib.Path(folder).glob("*.py")
        if re.search(r"^def run\(config", file.read_text(), re.MULTILINE)
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
        claim(workdir, config.to_dict())
        identity = dict.fromkeys((*IDENTITY, *getattr(experiment, "IDENTITY", ())))
        append = open_rows(workdir / "rows.jsonl", tuple(identity))
        source = origin()
        for row in experiment.run(config, workdir):
            report.check(row, figures=headline.of(experiment))
            check_there(workdir)
            append({**row, **source})
        _write(workdir, about, config.to_dict(), experiment)
    finally:
        release()


def _plan(config: ml_collections.ConfigDict, experiment: Any) -> None:
    """Finds what is wrong with a later run before the first one begins."""
    with tempfile.TemporaryDirectory() as folder, plan.alone():
        next(iter(experiment.run(config, pathlib.Path(folder))), None)


def _all(command: Command, experiment: Any) -> None:
    """One run after the other, each in a folder of its own, then their table."""
    workdir, whole = command.workdir, about(command)
    keys = [*command.variants[0].values]
    config = {**command.config.to_dict(), "sweep": keys}
    release = train.lock(workdir)
    try:
        claim(workdir, config)
        for variant in command.variants[1:]:  # the first one's is made as it begins
            _plan(variant.config, experiment)
        if getattr(experiment, "LANES", False):
            lanes.note(workdir, command.variants)
        made = []
        for number, variant in enumerate(command.variants, 1):
            said = ", ".join(f"{key}={value}" for key, value in variant.values.items())
            sys.stdout.write(f"{said}: run {number} of {len(command.variants)}\n")
            sys.stdout.flush()
            folder = workdir / folder_of(variant.values)
            one = {**whole, "title": f"{whole['title']} {said}"}
            start(variant.config, folder, experiment, about=one)
            made.append((variant.values, folder))
        names = [figure.name for figure in headline.of(experiment)]
        for name, rows in joined(made, names).items():
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            write_whole(workdir / f"{name}.jsonl", lines)
        _write(workdir, whole, config, experiment)
    finally:
        release()


def _write(
    workdir: pathlib.Path,
    about: Mapping[str, str],
    config: Mapping[str, Any],
    experiment: Any,
) -> None:
    rows, curves = (read_rows(workdir / f"{n}.jsonl") for n in ("rows", "curves"))
    figures = headline.of(experiment)
    page = report.html(rows, curves, config=config, figures=figures, **about)
    write_whole(workdir / "report.html", page)


def show(
    workdir: pathlib.Path,
    screen: rich.console.Console,
    figures: Sequence[report.Figure],
) -> None:
    """Prints the final table and where the report is."""
    rows = read_rows(workdir / "rows.jsonl")
    screen.print(report.table(rows, figures=figures))
    for row in rows:
        if "writes" in row:
            named = visible(f"{row['stage']}: ")
            line = rich.text.Text.assemble((named, "bold"), visible(row["writes"]))
            screen.print(line)
    where = f"report: {workdir / 'report.html'}"
    screen.print(where, highlight=False, markup=False, soft_wrap=True)
