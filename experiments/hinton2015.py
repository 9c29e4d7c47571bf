"""The MNIST experiments of the paper that gave distillation its name.

Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015
(arXiv:1503.02531), section 3: a large net with dropout, weight constraints and jittered
inputs; a smaller one alone and with the large net's soft targets; the transfer set
without any 3, and with 7 and 8 only, each also with biases corrected; and the
temperature, for students of 300 and of 30 units a layer. Beyond the paper: what a
longer training of the distilled student is worth, and of its teacher, and a transfer
set whose images are moved like the teacher's.

A row's `errors` are mistakes among the 10,000 test images, `paper` what the paper says.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.tools import rehearsal
from experiments.tools.jitter import jittered
from experiments.tools.optimisers import optimiser
from experiments.tools.runs import trained
from jdistill import data, losses, models, objective, train
from jdistill.evaluate import predict
from jdistill.typing import DataSet, Frozen, Learner, Model, Objective, Split

IDENTITY = ("run", "temperature", "units")
PAPER = {
    "teacher": 67,
    "alone": 146,
    "distilled": 74,
    "no_threes": 206,
    "no_threes_corrected": 109,
    "only_78": 4730,
    "only_78_corrected": 1320,
}
CORRECTED = {"no_threes": ((3,), 1), "only_78": ((7, 8), -1)}
"""Whose biases are moved afterwards, and which way."""
HARD = objective.combine(ce=objective.on_labels(losses.cross_entropy))
Row = dict[str, Any]


class Job(NamedTuple):
    """One seed: its configuration, where it saves, how many images it learns from.

    `test` are the images it is tested on.
    """

    config: Mapping[str, Any]
    seed: int
    folder: pathlib.Path
    examples: int
    test: Split
    progress: train.Progress | None = None


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields one row for each run, seed and temperature."""
    makers = {"teacher": _noisy, "student": _small, "temperatures": _warmed}
    config, whole, test = rehearsal.hinton2015(config, _joined, makers)
    shown = train.progress(stages=_runs(config, whole))
    for seed in config["seeds"]:
        folder = pathlib.Path(workdir) / f"seed{seed}"
        job = Job(config, seed, folder, whole.size, test, shown)
        teacher = _teacher(job, whole, "teacher", config["teacher"]["epochs"])
        yield _row(job, "teacher", _logits(job, teacher), config["teacher"]["epochs"])
        taught = _taught(whole, teacher)
        epochs = config["student"]["epochs"]
        for name, (split, goal) in _transfers(config, taught).items():
            logits = _logits(job, _student(job, name, split, goal, epochs))
            yield _row(job, name, logits, epochs)
            if name in CORRECTED:
                classes, sign = CORRECTED[name]
                yield _corrected(job, name, logits, classes, sign)
        for longer in config["student"].get("longer", ()):
            name, soft = f"distilled_{longer}", _soft(config)
            logits = _logits(job, _student(job, name, taught, soft, longer))
            yield _row(job, name, logits, longer)
        yield from _taught_moved(job, whole, teacher)
        for longer in config["teacher"].get("longer", ()):
            yield from _longer_taught(job, whole, longer)
        for units in config["temperatures"]["units"]:
            yield from _temperatures(job, taught, units)


def _runs(config: Mapping[str, Any], whole: Split) -> dict[str, int]:
    """How many steps each run has, in their order."""
    spec, size, epochs = config["student"], whole.size, config["student"]["epochs"]
    moved = [
        (f"distilled_moved_{n}", _equal(config, e, size, n * size))
        for n, e in spec.get("moved", ())
    ]
    runs = {"teacher": _steps(config, config["teacher"]["epochs"], size)}
    for name, (split, _) in _transfers(config, whole).items():
        runs[name] = _equal(config, epochs, size, split.size)
    for n in spec.get("longer", ()):
        runs[f"distilled_{n}"] = _equal(config, n, size, size)
    runs |= dict(moved)
    for n in config["teacher"].get("longer", ()):
        runs[f"teacher_{n}"] = _steps(config, n, size)
        runs[f"distilled_by_{n}"] = _equal(config, epochs, size, size)
        runs |= {f"{name}_by_{n}": steps for name, steps in moved}
    warm = _steps(config, config["temperatures"]["epochs"], size)
    runs |= {f"units{n}": warm for n in config["temperatures"]["units"]}
    return {f"{n} {s}": steps for s in config["seeds"] for n, steps in runs.items()}


def _joined(parts: DataSet, examples: int | None) -> Split:
    """Training and validation images together, as in the paper."""
    both = [part.arrays for part in (parts.train, parts.valid)]
    names = ("inputs", "label")
    arrays = {n: np.concatenate([x[n] for x in both])[:examples] for n in names}
    return data.in_memory(arrays, classes=parts.train.classes, name="mnist")


class Trained(NamedTuple):
    """A network and its variables."""

    model: Model
    frozen: Frozen


def _train(job: Job, name: str, learner: Learner, split: Split, steps: int) -> Frozen:
    run = {"seed": job.seed, "num_steps": steps, "progress": job.progress}
    run |= {"batch_size": job.config["batch_size"]}
    return trained(job.folder, name, job.config, learner, split, **run)


def _teacher(job: Job, whole: Split, name: str, epochs: int) -> Trained:
    steps = _steps(job.config, epochs, whole.size)
    model, learner = _noisy(job.config, steps)
    return Trained(model, _train(job, name, learner, whole, steps))


def _steps(config: Mapping[str, Any], epochs: int, size: int) -> int:
    return max(1, epochs * size // config["batch_size"])


def _equal(config: Mapping[str, Any], epochs: int, whole: int, size: int) -> int:
    """As many steps, however small the transfer set is."""
    return _steps(config, round(epochs * whole / size), size)


def _noisy(config, steps: int) -> tuple[Model, Learner]:
    """The teacher, and how it learns."""
    spec = config["teacher"]
    model = models.mlp(classes=10, widths=spec["widths"], dropout=spec["dropout"])
    noisy = jittered(model, pixels=spec["pixels"], dropout=spec["input_dropout"])
    tx = optimiser(spec["tx"], num_steps=steps)
    return model, train.learner(noisy, HARD, tx)


def _small(config, steps: int, goal: Objective | None = None):
    """A student, and how it learns."""
    spec = config["student"]
    model = models.mlp(classes=10, widths=spec["widths"])
    tx = optimiser(spec["tx"], num_steps=steps)
    return model, train.learner(model, _soft(config) if goal is None else goal, tx)


def _warmed(config, steps: int, units: int | None = None):
    """A student of so many units a layer, which learns at every temperature."""
    spec = config["temperatures"]
    units = spec["units"][0] if units is None else units
    model = models.mlp(classes=10, widths=(units, units))
    alpha = config["objective"]["alpha"]

    def make(temperature):
        goal = objective.hinton(temperature=temperature, alpha=alpha)
        return train.learner(model, goal, optimiser(spec["tx"], num_steps=steps))

    values = np.array(spec["values"], np.float32)
    return model, train.sweep(make, {"temperature": values})


def _longer_taught(job: Job, whole: Split, longer: int) -> Iterator[Row]:
    """A teacher of more epochs, and the students that it teaches."""
    epochs = job.config["student"]["epochs"]
    teacher = _teacher(job, whole, name := f"teacher_{longer}", longer)
    yield _row(job, name, _logits(job, teacher), longer)
    name, taught = f"distilled_by_{longer}", _taught(whole, teacher)
    student = _student(job, name, taught, _soft(job.config), epochs)
    yield _row(job, name, _logits(job, student), epochs)
    yield from _taught_moved(job, whole, teacher, by=f"_by_{longer}")


def _taught_moved(
    job: Job, whole: Split, teacher: Trained, by: str = ""
) -> Iterator[Row]:
    """Students of images that are moved like the teacher's."""
    for copies, epochs in job.config["student"].get("moved", ()):
        name, split = f"distilled_moved_{copies}{by}", _moved(job, whole, copies)
        goal = _soft(job.config)
        student = _student(job, name, _taught(split, teacher), goal, epochs)
        yield _row(job, name, _logits(job, student), epochs)


def _taught(whole: Split, teacher: Trained) -> Split:
    """The examples with the teacher's logits, computed once."""
    batches = data.eval_batches(whole, batch_size=1000)
    logits = predict(teacher.model, teacher.frozen, batches)
    cache = data.cache(whole, logits, variables=teacher.frozen)
    return data.cached(whole, cache, variables=teacher.frozen)


def _moved(job: Job, whole: Split, copies: int) -> Split:
    """So many copies of the images, moved as the teacher's were in its training."""
    pixels, images = job.config["teacher"]["pixels"], whole.arrays["inputs"]
    room = [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)]
    places = np.lib.stride_tricks.sliding_window_view(
        np.pad(images, room), images.shape[1:3], axis=(1, 2)
    )  # example, down, right, channels, height, width
    random = np.random.default_rng(job.seed)
    down, right = random.integers(0, 2 * pixels + 1, (2, copies, len(images)))
    inputs = places[np.arange(len(images)), down, right].reshape(
        -1, images.shape[3], *images.shape[1:3]
    )
    label = np.tile(whole.arrays["label"], copies)
    arrays = {"inputs": np.moveaxis(inputs, 1, -1).copy(), "label": label}
    return data.in_memory(arrays, classes=whole.classes, name="moved")


def _transfers(config, taught: Split) -> dict[str, tuple[Split, Objective]]:
    """For each student: the examples that it sees, and what it learns from them."""
    soft, labels = _soft(config), taught.arrays["label"]
    return {
        "alone": (taught, HARD),
        "distilled": (taught, soft),
        "no_threes": (_where(taught, labels != 3), soft),
        "only_78": (_where(taught, (labels == 7) | (labels == 8)), soft),
    }


def _soft(config) -> Objective:
    return objective.hinton(**config["objective"])


def _where(split: Split, chosen: np.ndarray) -> Split:
    rest = {name: x for name, x in split.arrays.items() if name != "id"}
    arrays = jax.tree.map(lambda x: x[chosen], rest)
    return data.in_memory(arrays, classes=split.classes, name="transfer")


def _student(job: Job, name, split: Split, goal: Objective, epochs: int) -> Trained:
    steps = _equal(job.config, epochs, job.examples, split.size)
    model, learner = _small(job.config, steps, goal)
    return Trained(model, _train(job, name, learner, split, steps))


def _temperatures(job: Job, taught: Split, units: int) -> Iterator[Row]:
    """One program trains a student at every temperature."""
    spec = job.config["temperatures"]
    steps = _steps(job.config, spec["epochs"], taught.size)
    model, recipe = _warmed(job.config, steps, units)
    lanes = _train(job, f"units{units}", recipe, taught, steps)
    for index, value in enumerate(np.array(spec["values"], np.float32).tolist()):
        one = jax.tree.map(lambda x, i=index: x[i], lanes)
        logits = _logits(job, Trained(model, one))
        row = _row(job, "temperature", logits, spec["epochs"])
        name = f"{units} units, T = {value:g}"
        yield {**row, "stage": name, "temperature": value, "units": units}


def _logits(job: Job, trained: Trained) -> np.ndarray:
    batches = data.eval_batches(job.test, batch_size=1000)
    return np.asarray(predict(trained.model, trained.frozen, batches))


def _row(job: Job, name: str, logits: np.ndarray, epochs: int) -> Row:
    labels = job.test.take(np.arange(job.test.size))["label"]
    wrong = logits.argmax(-1) != labels
    return {
        "stage": name,
        "run": name,
        "realised": "dense",
        "seed": job.seed,
        "epochs": epochs,
        "errors": int(wrong.sum()),
        "errors_threes": int(wrong[labels == 3].sum()),
        "accuracy": float(1 - wrong.mean()),
        "examples": len(labels),
        "paper": PAPER.get(name),
    }


def _corrected(job, name: str, logits: np.ndarray, classes, sign: int) -> Row:
    """The biases of these classes moved as it is best on the test images.

    The paper chose it there as well: the row shows what a bias can make good, not what
    a user would get.
    """
    epochs, rows = job.config["student"]["epochs"], []
    for bias in np.arange(0, 20.1, 0.1):
        moved = logits.copy()
        moved[:, list(classes)] += sign * bias
        row = _row(job, f"{name}_corrected", moved, epochs)
        rows.append({**row, "bias": round(float(sign * bias), 1)})
    return min(rows, key=lambda row: row["errors"])
