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
import jax.numpy as jnp
import numpy as np

from experiments.optimisers import optimiser
from experiments.runs import trained
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


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields one row for each run, seed and temperature."""
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    parts = data.tfds(config["data"]["dataset"])
    whole = _joined(parts, config["data"].get("examples"))
    for seed in config["seeds"]:
        folder = pathlib.Path(workdir) / f"seed{seed}"
        job = Job(config, seed, folder, whole.size, parts.test)
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


def _joined(parts: DataSet, examples: int | None) -> Split:
    """Training and validation images together, as in the paper."""
    both = [part.arrays for part in (parts.train, parts.valid)]
    names = ("inputs", "label")
    arrays = {n: np.concatenate([x[n] for x in both])[:examples] for n in names}
    return data.in_memory(arrays, classes=parts.train.classes, name="mnist")


def jittered(model: Model, *, pixels: int, dropout: float) -> Model:
    """In training, images moved by up to so many pixels, and pixels left out.

    Example:
        >>> still = models.from_function(lambda params, x: x.sum((1, 2, 3)))
        >>> moved = jittered(still, pixels=1, dropout=0.0)
        >>> batch = {'inputs': jnp.zeros((1, 5, 5, 1)).at[0, 2, 2].set(1.0)}
        >>> moved.apply({}, {}, batch, train=True, key=jax.random.key(0))[0].logits
        Array([1.], dtype=float32)
    """

    def apply(params, state, batch, *, train=False, key=None):
        if not train:
            return model.apply(params, state, batch, train=False, key=key)
        shift_key, drop_key, key = jax.random.split(key, 3)
        images = batch["inputs"]
        room = [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)]
        shifts = jax.random.randint(shift_key, (len(images), 2), 0, 2 * pixels + 1)
        moved = jax.vmap(
            lambda image, at: jax.lax.dynamic_slice(image, (*at, 0), images.shape[1:])
        )(jnp.pad(images, room), shifts)
        kept = jax.random.bernoulli(drop_key, 1 - dropout, moved.shape)
        moved = jnp.where(kept, moved / (1 - dropout), 0)
        return model.apply(
            params, state, {**batch, "inputs": moved}, train=True, key=key
        )

    return model._replace(apply=apply)


class Trained(NamedTuple):
    """A network and its variables."""

    model: Model
    frozen: Frozen


def _train(job: Job, name: str, learner: Learner, split: Split, epochs: int) -> Frozen:
    size = job.config["batch_size"]
    steps = max(1, epochs * split.size // size)
    where = {"seed": job.seed, "num_steps": steps, "batch_size": size}
    return trained(job.folder / name, learner, split, **where)


def _teacher(job: Job, whole: Split, name: str, epochs: int) -> Trained:
    spec = job.config["teacher"]
    model = models.mlp(classes=10, widths=spec["widths"], dropout=spec["dropout"])
    noisy = jittered(model, pixels=spec["pixels"], dropout=spec["input_dropout"])
    steps = epochs * whole.size // job.config["batch_size"]
    tx = optimiser(spec["tx"], num_steps=steps)
    learner = train.learner(noisy, HARD, tx)
    return Trained(model, _train(job, name, learner, whole, epochs))


def _longer_taught(job: Job, whole: Split, longer: int) -> Iterator[Row]:
    """A teacher of more epochs, and the students that it teaches."""
    name, epochs = f"teacher_{longer}", job.config["student"]["epochs"]
    teacher = _teacher(job, whole, name, longer)
    yield _row(job, name, _logits(job, teacher), longer)
    name = f"distilled_by_{longer}"
    taught = _taught(whole, teacher)
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
    soft = _soft(config)
    labels = taught.arrays["label"]
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


def _student(
    job: Job, name: str, split: Split, goal: Objective, epochs: int
) -> Trained:
    spec = job.config["student"]
    model = models.mlp(classes=10, widths=spec["widths"])
    # As many steps, however small the transfer set is.
    epochs = round(epochs * job.examples / split.size)
    steps = epochs * split.size // job.config["batch_size"]
    learner = train.learner(model, goal, optimiser(spec["tx"], num_steps=steps))
    return Trained(model, _train(job, name, learner, split, epochs))


def _temperatures(job: Job, taught: Split, units: int) -> Iterator[Row]:
    """One program trains a student at every temperature."""
    spec = job.config["temperatures"]
    model = models.mlp(classes=10, widths=(units, units))
    steps = spec["epochs"] * taught.size // job.config["batch_size"]
    alpha = job.config["objective"]["alpha"]

    def make(temperature):
        goal = objective.hinton(temperature=temperature, alpha=alpha)
        return train.learner(model, goal, optimiser(spec["tx"], num_steps=steps))

    values = np.array(spec["values"], np.float32)
    recipe = train.sweep(make, {"temperature": values})
    lanes = _train(job, f"units{units}", recipe, taught, spec["epochs"])
    for index, value in enumerate(values.tolist()):
        one = jax.tree.map(lambda x, i=index: x[i], lanes)
        row = _row(
            job, "temperature", _logits(job, Trained(model, one)), spec["epochs"]
        )
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
