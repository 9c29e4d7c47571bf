"""One job, each fold: teacher, student, distilled, pruned, quantised, packed, executed.

What does it cost to make a trained network small? A teacher is trained on labels, and
its student alone and with the teacher's soft labels; the distilled student is pruned
and quantised while it goes on learning from the teacher, packed into a file, loaded
from it, and run with integer products. Beside it stands what the same bytes buy
without a teacher: a plain int8 student as small as the file (`equal_bytes`).

Each stage is a run with its own checkpoints, so a killed job goes on where it was;
rows are made of finished stages only and come out the same again.
"""

import concurrent.futures
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from experiments.tools import few, figures, lanes, plan, recipes, rehearsal, sections
from experiments.tools.stages import Stage
from experiments.tools.training import Job, Trained, train_stage
from jdistill import artifact, compress, metrics, models, report, train, tree
from jdistill.typing import Frozen

LANES = True
"""Runs of a sweep that differ in numbers of `config.objective` are trained together."""
Row = dict[str, Any]
Result = tuple[Row, np.ndarray]


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields one row for each stage and fold, then the comparisons over all folds."""
    config, mesh, first, stages = rehearsal.pipeline(config)
    plan.made()
    shown = train.progress(stages=_steps(config, stages))
    correct: dict[str, list[np.ndarray]] = {}
    group = lanes.of(workdir)
    for number, fold in enumerate(config["folds"]):
        parts = few.parted(config, recipes.dataset(config, fold)) if number else first
        folder = pathlib.Path(workdir)
        of_fold = group and group._replace(ended={})
        dataset, transfer = parts
        job = Job(config, dataset, fold, folder, mesh, transfer, shown, of_fold)
        for row, right in _fold(job, stages):
            correct.setdefault(row["stage"], []).append(right)
            yield {"seed": config["seed"], "fold": fold, **row}
    yield from _comparisons(config, correct)


def _steps(config: Mapping[str, Any], stages: Mapping[str, Any]) -> dict[str, int]:
    """How many steps each run has, in their order."""
    names = [*stages, *["equal_bytes"] * ("equal_bytes" in config)]
    return {f"{n} {f}": config[n]["num_steps"] for f in config["folds"] for n in names}


def _fold(job: Job, stages: dict[str, Stage]) -> Iterator[Result]:
    """The stages of one fold; each row, and which test examples it got right."""
    done: dict[str, Frozen] = {}
    judge = sections.judge(job.config)

    def figure(stage: Stage, frozen: Frozen, **how: Any) -> figures.Figures:
        teacher = (stages[judge].model, done[judge]) if judge in done else None
        return figures.of(job, stage.name, stage.model, frozen, teacher, **how)

    beside = concurrent.futures.ThreadPoolExecutor(1)  # a core is free meanwhile
    baseline = beside.submit(figures.tfidf, job) if job.config.get("baseline") else None
    for name in job.config["stages"]:
        stage = stages[name]
        trained = train_stage(job, stage, done)
        done[name] = trained.frozen
        row, right = figure(stage, frozen=trained.frozen, realised=stage.realised)
        yield {**row, **_seconds(trained)}, right
    packed = _pack(job, stage, trained)
    yield from _from_file(stage, packed, figure)
    if "equal_bytes" in job.config:
        if "equal_bytes" not in stages:
            stages["equal_bytes"] = recipes.equal_bytes(
                job.config, job.dataset, packed.bytes
            )
        yield _equal_bytes(job, stages["equal_bytes"], figure)
    if baseline is not None:
        yield baseline.result()


def _pack(job: Job, stage: Stage, trained: Trained) -> artifact.Packed:
    """Writes the file, reads it back, and insists that nothing has changed."""
    path = job.workdir / f"fold{job.fold}" / "student.safetensors"
    artifact.pack(
        path,
        trained.encoded,
        description=recipes.description(job.config, job.dataset, stage.spec),
    )
    if job.fold == job.config["folds"][0]:
        shutil.copyfile(path, job.workdir / "student.safetensors")
    packed = artifact.unpack(path, like=trained.frozen.params)
    for name, leaf in tree.flatten(packed.params).items():
        if not np.array_equal(leaf, tree.flatten(trained.frozen.params)[name]):
            raise ValueError(f"{path}: {name!r} is not what was evaluated")
    return packed


def _from_file(stage: Stage, packed: artifact.Packed, figure: Any) -> Iterator[Result]:
    """The network of the file, simulated, and run with integers where it rounds."""
    ways = {"packed": (stage.model, packed.state)}
    if stage.plain is not None:
        state = {"model": packed.state, "activations": packed.activations}
        scales = {"weights": compress.step_sizes(packed.encoded)}
        ways = {
            "packed": (stage.model, state),
            "executed": (models.execute_int8(stage.plain), state | scales),
        }
    layers = {"layers": report.layers(packed.encoded).rows}  # of the first row alone
    for name, (model, variables) in ways.items():
        row, right = figure(
            stage._replace(name=name, model=model),
            frozen=Frozen(packed.params, variables),
            realised=name,
            packed=packed,
        )
        yield {**row, **layers}, right
        layers = {}


def _equal_bytes(job: Job, stage: Stage, figure: Any) -> Result:
    trained = train_stage(job, stage, {})
    path = job.workdir / f"fold{job.fold}" / "equal_bytes.safetensors"
    artifact.pack(
        path,
        trained.encoded,
        description=recipes.description(job.config, job.dataset, stage.spec),
    )
    packed = artifact.unpack(path, like=trained.frozen.params)
    frozen = Frozen(packed.params, packed.state)
    row, right = figure(stage, frozen=frozen, packed=packed)
    return {**row, **_seconds(trained)}, right


def _seconds(trained: Trained) -> Row:
    return {} if trained.seconds is None else {"seconds": trained.seconds}


def _comparisons(
    config: Mapping[str, Any], correct: Mapping[str, list[np.ndarray]]
) -> Iterator[Row]:
    """Paired differences of accuracy over the test examples of all folds."""
    joined = {name: np.concatenate(parts) for name, parts in correct.items()}
    for of, against in config["comparisons"]:
        if of in joined and against in joined:
            difference, low, high = metrics.paired_bootstrap(
                joined[of], joined[against], seed=config["seed"]
            )
            yield {
                "stage": "comparison",
                "of": of,
                "against": against,
                "metric": "accuracy",
                "difference": difference,
                "low": low,
                "high": high,
                "examples": len(joined[of]),
                "fold": "all",
                "seed": config["seed"],
            }
