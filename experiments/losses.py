"""What does each loss gain: every one of them distils the same pair of networks.

A method is a list of stages, each with its own terms, optimiser and frozen layers; the
student of a method starts as the student alone does, and sees the same examples in the
same order. The teacher's logits and features are computed once. `seed` numbers the
folds as well: another one is another test set.
"""

import itertools
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from experiments.tools import figures, recipes, rehearsal
from experiments.tools.gains import gains
from experiments.tools.networks import network
from experiments.tools.stages import Stage, made
from experiments.tools.training import Job, train_stage
from jdistill import data, train
from jdistill.evaluate import outputs_of
from jdistill.typing import DataSet, Frozen, Model, Split

Row = dict[str, Any]


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields a row for each method and seed, then what each method gains."""
    config = rehearsal.losses(config, _stage, _networks)
    folder, shown = pathlib.Path(workdir), train.progress(stages=_steps(config))
    jobs = [
        Job(
            {**config, "seed": 0},
            recipes.dataset(config, n),
            *(n, folder),
            progress=shown,
        )
        for n in config["seeds"]
    ]
    nets = _networks(config, jobs[0].dataset)
    teachers: list[Frozen] = []
    for n, job in enumerate(jobs):
        stage = _stage(config, "teacher", config["teacher"], nets, {})
        teachers.append(train_stage(job, stage, {}).frozen)
        yield _row(job, "teacher", nets["teacher"], nets, teachers[-1])
        taught = _taught(job.dataset.train, nets["teacher"], teachers[-1])
        jobs[n] = job._replace(dataset=job.dataset._replace(train=taught))
    found: dict[str, list[float]] = {}
    for method, stages in config["methods"].items():
        for job, teacher in zip(jobs, teachers, strict=True):
            student, seconds = _student(job, method, stages, nets, teacher)
            row = _row(job, method, nets["student"], nets, teacher, student)
            found.setdefault(method, []).append(row["accuracy"])
            yield {**row, "seconds": seconds}
        # The programs of fifty methods are more than a process may map.
        jax.clear_caches()
    yield from gains(found, config["against"])


def _steps(config: Mapping[str, Any]) -> dict[str, int]:
    """How many steps each run has, in their order."""
    every, seeds = config["num_steps"], config["seeds"]
    steps = {f"teacher {n}": config["teacher"].get("num_steps", every) for n in seeds}
    for method, stages in config["methods"].items():
        for n, (number, spec) in itertools.product(seeds, enumerate(stages)):
            name = f"{method}-{spec.get('name', number)} {n}"
            steps[name] = spec.get("num_steps", every)
    return steps


def _networks(config: Mapping[str, Any], parts: DataSet) -> dict[str, Model]:
    return {n: network(config, n, parts)[1] for n in ("teacher", "student")}


def _taught(split: Split, teacher: Model, frozen: Frozen) -> Split:
    """The split with the teacher's outputs in every batch, each computed once."""
    batches = data.eval_batches(split, batch_size=min(256, split.size))
    outputs = outputs_of(teacher, frozen, batches)
    cache = data.cache(split, outputs, variables=frozen)
    return data.cached(split, cache, variables=frozen)


def _student(job, method, stages, nets, teacher) -> tuple[Frozen, float | None]:
    """The stages of a method, each from where the one before it ended."""
    done, learned, seconds, before = {"teacher": teacher}, {}, 0.0, None
    for number, spec in enumerate(stages):
        name = spec.get("name", str(number))
        stage = _stage(job.config, f"{method}-{name}", spec, nets, learned)
        trained = train_stage(job, stage._replace(start=before), done)
        done[stage.name], learned[name] = trained.frozen, trained.aux
        before = stage.name
        unknown = seconds is None or trained.seconds is None
        seconds = None if unknown else seconds + trained.seconds
    return done[before], seconds


def _stage(config, name, spec, nets: Mapping[str, Model], learned) -> Stage:
    section = {"num_steps": config["num_steps"], "tx": config["tx"], **spec}
    if name == "teacher":
        return made(name, section, model=nets["teacher"])
    section["teacher"] = "teacher"
    both = {"model": nets["student"], "teacher": nets["teacher"]}
    return made(name, section, **both, learned=learned)


def _row(job, stage, model, nets, teacher, frozen=None) -> Row:
    frozen = teacher if frozen is None else frozen
    found = figures.of(job, stage, model, frozen, (nets["teacher"], teacher))
    return {**found.row, "seed": job.fold, "fold": job.fold}
