"""Seconds an epoch of distillation takes, against PyTorch doing the same work.

`python -m benchmarks.kd_step`. A 784-512-256-10 teacher, a 784-128-64-10 student,
batches of 64, Adam, 60,000 examples of 784 numbers. Ours is `train.run` as anyone
calls it; an epoch of ours is the time between two of its callbacks.
"""

import jax
import numpy as np
import optax

from benchmarks import _measure
from jdistill import models, objective, train
from jdistill.typing import Frozen, Split

TEACHER, STUDENT, CLASSES, SIZE = (512, 256), (128, 64), 10, 784
BATCH_SIZE = 64


def examples(count: int) -> dict[str, np.ndarray]:
    """Inputs of the shape of MNIST's, in [0, 1], and labels: the work is the same."""
    random = np.random.default_rng(0)
    return {
        "inputs": random.random((count, SIZE), np.float32),
        "label": random.integers(0, CLASSES, count).astype(np.int32),
        "id": np.arange(count, dtype=np.int32),
    }


def split_of(arrays: dict[str, np.ndarray]) -> Split:
    """A split that is resident."""
    names = tuple(map(str, range(CLASSES)))
    return Split(
        len(arrays["id"]),
        lambda rows: jax.tree.map(lambda x: x[np.asarray(rows)], arrays),
        arrays,
        names,
    )


def ours(split: Split, frozen: Frozen):
    """Seconds of the second epoch of a run; the first holds what is done once."""
    kd = objective.hinton(temperature=4.0, alpha=0.9)
    student = models.mlp(widths=STUDENT, classes=CLASSES)
    teacher = models.mlp(widths=TEACHER, classes=CLASSES)
    learner = train.learner(student, kd, optax.adam(1e-3), teacher=teacher)
    steps = -(-split.size // BATCH_SIZE)

    def epoch() -> _measure.Taken:
        starts = []
        train.run(
            learner,
            split,
            key=jax.random.key(0),
            num_steps=2 * steps,
            batch_size=BATCH_SIZE,
            frozen=frozen,
            every={steps: lambda state, metrics: starts.append(_measure.now())},
        )
        return _measure.since(starts[0])

    return epoch


def teacher_of(batch) -> Frozen:
    """A teacher with its first weights: nothing here depends on what it knows."""
    teacher = models.mlp(widths=TEACHER, classes=CLASSES)
    return Frozen(*jax.jit(teacher.init)(jax.random.key(1), batch))


def with_logits(arrays, frozen: Frozen):
    """The examples with the teacher's logits, computed once."""
    teacher = models.mlp(widths=TEACHER, classes=CLASSES)
    outputs, _ = jax.jit(teacher.apply)(frozen.params, frozen.state, arrays)
    return {**arrays, "outputs": {"teacher": jax.tree.map(np.asarray, outputs)}}


def loops(count: int) -> dict:
    """The epochs to time, by name."""
    from benchmarks import _pytorch as theirs

    arrays = examples(count)
    frozen = teacher_of({"inputs": arrays["inputs"][:1]})
    label = arrays["label"].astype(np.int64)
    teacher = theirs.network(SIZE, TEACHER, CLASSES).eval()

    def torch_loop(make):
        student = theirs.network(SIZE, STUDENT, CLASSES)
        return make(arrays["inputs"], label, teacher, student, batch_size=BATCH_SIZE)

    return {
        "online": ours(split_of(arrays), frozen),
        "listing": torch_loop(theirs.listing),
        "resident": torch_loop(theirs.resident),
        "cached": ours(split_of(with_logits(arrays, frozen)), frozen),
        "their cached": torch_loop(theirs.cached),
    }


def measure(*, count: int = 60_000, rounds: int = 5, threads: int = 2) -> list[dict]:
    """The three ratios."""
    import torch

    torch.set_num_threads(threads)
    epochs = loops(count)
    _measure.interleaved(epochs, rounds=1)  # compiles, and warms the allocators
    taken = _measure.interleaved(epochs, rounds=rounds)
    columns = {"examples": count, **_measure.where_and_with(threads)}
    pairs = {
        "kd_online_vs_listing": ("online", "listing"),
        "kd_online_vs_resident": ("online", "resident"),
        "kd_cached_vs_cached": ("cached", "their cached"),
    }
    return [
        _measure.speedup(name, taken[a], taken[b], **columns)
        for name, (a, b) in pairs.items()
    ]


if __name__ == "__main__":
    given = _measure.arguments(count=60_000, rounds=5, threads=_measure.cores())
    rows = measure(count=given.count, rounds=given.rounds, threads=given.threads)
    _measure.write(rows, given.out)
