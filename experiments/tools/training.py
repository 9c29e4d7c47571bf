"""One stage's run: callbacks, curves, checkpoints, and what comes out."""

import contextlib
import functools
import pathlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from experiments.tools import beside, few, plan
from experiments.tools.board import scalars
from experiments.tools.names import safe
from experiments.tools.networks import gated
from experiments.tools.recipes import Stage
from experiments.tools.rows import open_rows
from jdistill import data, metrics, models, train
from jdistill.evaluate import evaluate
from jdistill.typing import DataSet, Frozen, Split

MOST_LEARNED = 1000
"""How many training examples a curve is of."""
CURVE = ("stage", "fold", "seed", "step", "split", "name")


class Job(NamedTuple):
    """One fold of a configuration.

    `transfer` is what taught students learn from, where that is more than the labelled
    examples of the training part.
    """

    config: Mapping[str, Any]
    dataset: DataSet
    fold: int
    workdir: pathlib.Path
    mesh: Mesh | None = None
    transfer: Split | None = None
    progress: train.Progress | None = None


class Trained(NamedTuple):
    """What a stage leaves: the model's variables, their encoding, how long it took.

    `seconds` is None where a part of the run is that of an earlier process; `aux` is
    what the terms learned beside the model.
    """

    frozen: Frozen
    encoded: Frozen
    seconds: float | None
    aux: Mapping[str, Any]


def train_stage(job: Job, stage: Stage, done: Mapping[str, Frozen]) -> Trained:
    """Trains a stage, or goes on with it, or finds it finished."""
    plan.made()
    config, seed = job.config, job.config["seed"]
    folder = job.workdir / f"fold{job.fold}" / safe(stage.name)
    # One key for all stages: students that differ in how they learn start alike.
    key = jax.random.fold_in(jax.random.key(seed), job.fold)
    recipe = beside.recipe(config, stage.name, job.fold)
    beside.take(job.workdir, folder, recipe, curve=CURVE)
    saved = train.checkpoints(folder / "checkpoints", recipe=recipe)
    begin, resumed = time.perf_counter(), any((folder / "checkpoints/steps").iterdir())
    with (
        contextlib.closing(saved),
        contextlib.ExitStack() as stack,
    ):
        accuracy = _accuracy(job, stage, _board(folder / "board", stack))
        state = train.run(
            stage.learner,
            _learned_from(job, stage),
            key=key,
            num_steps=stage.num_steps,
            batch_size=config["batch_size"],
            seed=seed,
            frozen=done[stage.taught] if stage.taught else None,
            start=_start(job, stage, done, key),
            every={config["eval_every"]: accuracy},
            progress=job.progress and job.progress.of(f"{stage.name} {job.fold}"),
            checkpoints=saved,
            save_every=config["save_every"],
            mesh=job.mesh,
        )
    beside.finish(folder, recipe)
    seconds = None if resumed else round(time.perf_counter() - begin, 3)
    encoded = _compiled(stage.learner.encode)(state)
    frozen = _compiled(stage.learner.finish)(state)
    return Trained(frozen, encoded, seconds, state.aux)


def _learned_from(job: Job, stage: Stage) -> Split:
    """Only students with a teacher learn from unlabelled examples."""
    wider = job.transfer if stage.taught else None
    return job.dataset.train if wider is None else wider


@functools.lru_cache(maxsize=64)
def _compiled(function: Any) -> Any:
    return jax.jit(function)


def _start(job: Job, stage: Stage, done: Mapping[str, Frozen], key: Any) -> Frozen:
    if stage.start is None:
        return _fresh(job, stage, key)
    if stage.plain is None:
        return done[stage.start]
    batches = data.eval_batches(job.dataset.train, batch_size=job.config["batch_size"])
    whole = (batch for batch in batches if batch["mask"].all())
    return models.observe_int8(stage.plain, done[stage.start], whole)


def _fresh(job: Job, stage: Stage, key: Any) -> Frozen:
    """Variables to begin with, by a program that all stages of a model share.

    Compiling what draws them takes longer than compiling a step. The gates of an n-gram
    classifier come from the training texts, if the configuration asks.
    """
    train, gates = job.dataset.train, job.config.get("idf_gates")
    batch = next(iter(data.eval_batches(train, batch_size=2)))
    own = key if gates else jax.random.split(key, 4)[0]  # as a learner's own `init`
    params, state = _compiled(stage.model.init)(own, batch)
    if gates and gated(params):
        params = models.idf_gates(params, train.take(range(train.size)))
    return Frozen(params, state)


def _accuracy(job: Job, stage: Stage, write: Any) -> Any:
    """The callback: training means, valid figures, each point written once."""
    append = open_rows(job.workdir / "curves.jsonl", CURVE)
    place = {"stage": stage.name, "fold": job.fold, "seed": job.config["seed"]}
    figures = {"accuracy": metrics.accuracy(), "nll": metrics.nll()}
    size = job.config["eval_batch"]
    learned = data.eval_batches(_sample(job.dataset), batch_size=size)
    unseen = data.eval_batches(job.dataset.valid, batch_size=size)

    def accuracy(state, means):
        step = int(state.step)
        frozen = _compiled(stage.learner.finish)(state)
        train, found = (
            evaluate(stage.model, frozen, batches, metrics=figures)
            for batches in (learned, unseen)
        )
        for split, values in (("train", {**train, **means}), ("valid", found)):
            write(step, {f"{split}/{name}": value for name, value in values.items()})
            for name, value in values.items():
                point = {"step": step, "split": split, "name": name}
                append({**place, **point, "value": float(value)})
        return found["accuracy"]

    return accuracy


def _sample(dataset: DataSet) -> Split:
    """Some training examples, evenly spaced: as many as there are to validate on."""
    size = dataset.train.size
    number = min(size, dataset.valid.size, MOST_LEARNED)
    chosen = np.zeros(size, bool)
    chosen[np.linspace(0, size - 1, number).astype(int)] = True
    return few.subset(dataset.train, chosen)


def _board(folder: pathlib.Path, stack: contextlib.ExitStack) -> Any:
    """Scalars from the first step that is written on; earlier points stay."""
    opened: list[Any] = []

    def write(step: int, values: Mapping[str, Any]) -> None:
        if not opened:
            opened.append(stack.enter_context(scalars(folder, step=step)))
        opened[0](step, values)

    return write
