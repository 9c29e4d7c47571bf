"""One stage's run: callbacks, curves, checkpoints, and what comes out."""

import contextlib
import functools
import pathlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from experiments.tools import beside, few, lanes, plan, sections
from experiments.tools.board import scalars
from experiments.tools.lanes import Lanes
from experiments.tools.names import safe
from experiments.tools.networks import gated
from experiments.tools.rows import open_rows, read_rows
from experiments.tools.stages import Stage
from jdistill import data, metrics, models, train
from jdistill.evaluate import evaluate
from jdistill.typing import DataSet, Frozen, Split, State

MOST_LEARNED = 1000
"""How many training examples a curve is of."""
CURVE = ("stage", "fold", "seed", "step", "split", "name")


class Job(NamedTuple):
    """One fold of a configuration.

    `transfer` is what taught students learn from, where that is more than the labelled
    examples of the training part; `lanes` are the runs that it trains together with.
    """

    config: Mapping[str, Any]
    dataset: DataSet
    fold: int
    workdir: pathlib.Path
    mesh: Mesh | None = None
    transfer: Split | None = None
    progress: train.Progress | None = None
    lanes: Lanes | None = None


class Trained(NamedTuple):
    """What a stage leaves: the model's variables, their encoding, how long it took.

    `seconds` is None where a part of the run is that of an earlier process, and where
    it was trained with others; `aux` is what the terms learned beside the model.
    """

    frozen: Frozen
    encoded: Frozen
    seconds: float | None
    aux: Mapping[str, Any]


def train_stage(job: Job, stage: Stage, done: Mapping[str, Frozen]) -> Trained:
    """Trains a stage, or goes on with it, or finds it finished."""
    plan.made()
    found = _together(job, stage, done)
    state, seconds = _alone(job, stage, done) if found is None else (found, None)
    encoded = _compiled(stage.learner.encode)(state)
    frozen = _compiled(stage.learner.finish)(state)
    return Trained(frozen, encoded, seconds, state.aux)


def _alone(
    job: Job, stage: Stage, done: Mapping[str, Frozen]
) -> tuple[State, float | None]:
    """The state of a stage that has a run of its own, and the seconds it took."""
    folder = _folder(job.workdir, job, stage)
    recipe = beside.recipe(job.config, stage.name, job.fold)
    beside.take(job.workdir, folder, recipe, curve=CURVE)
    begin = time.perf_counter()

    def watch(stack):
        return _accuracy(job, stage, _board(folder / "board", stack))

    start = _start(job, stage, done.get(stage.start or ""))
    state, resumed = _run(job, stage, folder, recipe, done, start, watch)
    beside.finish(folder, recipe)
    return state, None if resumed else round(time.perf_counter() - begin, 3)


def _together(job: Job, stage: Stage, done: Mapping[str, Frozen]) -> State | None:
    """The state of a stage that is a lane of one run with that of other runs.

    None where it is to be trained alone: no other run differs in numbers of the
    objective only; the runs have teachers of their own, or begin with what they trained
    alone; the objective needs numbers that are no arrays; the lane has stopped.
    """
    group = job.lanes
    if group is None or stage.learns is None or not _alike(job, stage.taught):
        return None
    ended = group.ended.get(stage.start or "")
    if ended is None and not _alike(job, stage.start):
        return None
    if ended is not None:
        each = [lanes.one(ended, index) for index in range(len(group.runs))]
        each = [_start(job, stage, before) for before in each]
        start = jax.tree.map(lambda *xs: jnp.stack(xs), *each)
    else:
        start = _start(job, stage, done.get(stage.start or ""))
    spec, own = job.config["objective"], ended is not None
    learner = lanes.learner(group, stage, spec, own_starts=own)
    shapes = plan.batch(_learned_from(job, stage), job.config["batch_size"], "a batch")
    frozen = done[stage.taught or ""]
    try:
        train.dry_run(learner, shapes, frozen=frozen, start=start)
    except (TypeError, NotImplementedError):  # a value that must be Python's own
        return None
    folder = _folder(group.folder, job, stage)

    def watch(stack):
        return _accuracies(job, stage, folder, len(group.runs), stack)

    recipe = lanes.recipe(job.config, stage.name, job.fold, group)
    whole = stage._replace(learner=learner)
    state, _ = _run(job, whole, folder, recipe, done, start, watch)
    lane = train.lane(state, group.index)
    if int(lane.bad) >= 0:
        return None
    group.ended[stage.name] = _compiled(learner.finish)(state)
    append = open_rows(job.workdir / "curves.jsonl", CURVE)
    for point in read_rows(folder / str(group.index) / "curves.jsonl"):
        append(point)
    return lane


def _alike(job: Job, name: str | None) -> bool:
    """Whether a stage ends with the same variables in all runs of a sweep."""
    return name is None or "objective" not in sections.needed(job.config, name)


def _folder(workdir: pathlib.Path, job: Job, stage: Stage) -> pathlib.Path:
    return workdir / f"fold{job.fold}" / safe(stage.name)


def _key(job: Job) -> Any:
    """One key for all stages: students that differ in how they learn start alike."""
    return jax.random.fold_in(jax.random.key(job.config["seed"]), job.fold)


def _run(job, stage, folder, recipe, done, start, watch) -> tuple[State, bool]:
    """The state that a stage ends with, and whether an earlier process began it."""
    config = job.config
    saved = train.checkpoints(folder / "checkpoints", recipe=recipe)
    resumed = any((folder / "checkpoints/steps").iterdir())
    with contextlib.closing(saved), contextlib.ExitStack() as stack:
        state = train.run(
            stage.learner,
            _learned_from(job, stage),
            key=_key(job),
            num_steps=stage.num_steps,
            batch_size=config["batch_size"],
            seed=config["seed"],
            frozen=done[stage.taught] if stage.taught else None,
            start=start,
            every={config["eval_every"]: watch(stack)},
            progress=job.progress and job.progress.of(f"{stage.name} {job.fold}"),
            checkpoints=saved,
            save_every=config["save_every"],
            mesh=job.mesh,
        )
    return state, resumed


def _learned_from(job: Job, stage: Stage) -> Split:
    """Only students with a teacher learn from unlabelled examples."""
    wider = job.transfer if stage.taught else None
    return job.dataset.train if wider is None else wider


@functools.lru_cache(maxsize=64)
def _compiled(function: Any) -> Any:
    return jax.jit(function)


def _start(job: Job, stage: Stage, before: Frozen | None) -> Frozen:
    """What a stage begins with: what the one before it ended with, or fresh ones."""
    if stage.start is None:
        return _fresh(job, stage)
    before = sections.unrounded(job.config, stage.start, before)
    if stage.plain is None:
        return before
    batches = data.eval_batches(job.dataset.train, batch_size=job.config["batch_size"])
    whole = (batch for batch in batches if batch["mask"].all())
    return models.observe_int8(stage.plain, before, whole)


def _fresh(job: Job, stage: Stage) -> Frozen:
    """Variables to begin with, by a program that all stages of a model share.

    Compiling what draws them takes longer than compiling a step. The gates of an n-gram
    classifier come from the training texts, if the configuration asks.
    """
    train, gates = job.dataset.train, job.config.get("idf_gates")
    batch = next(iter(data.eval_batches(train, batch_size=2)))
    # as a learner's own `init`, where no gates are asked for
    own = _key(job) if gates else jax.random.split(_key(job), 4)[0]
    params, state = _compiled(stage.model.init)(own, batch)
    if gates and gated(params):
        params = models.idf_gates(params, train.take(range(train.size)))
    return Frozen(params, state)


def _accuracies(job, stage, folder, number, stack) -> Any:
    """The callback of lanes, each with a curve and a board of its own."""
    each = []
    for index in range(number):
        own = folder / str(index)
        own.mkdir(parents=True, exist_ok=True)
        board = _board(own / "board", stack)
        each.append(_accuracy(job._replace(workdir=own), stage, board))

    def accuracies(state, means):
        for index, accuracy in enumerate(each):
            one = {name: value[index] for name, value in means.items()}
            accuracy(train.lane(state, index), one)

    return accuracies


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
