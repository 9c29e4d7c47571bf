"""One job, each fold: teacher, student, distilled, pruned, quantised, packed, executed.

What does it cost to make a trained network small? A teacher is trained on labels, and
its student alone and with the teacher's soft labels; the distilled student is pruned
and quantised while it goes on learning from the teacher, packed into a file, loaded
from it, and run with integer products. Beside it stands what the same bytes buy
without a teacher: a plain student as small as the file (`equal_bytes`).

Each stage is a run of its own with its own checkpoints, so a killed job goes on where
it was; rows are made from finished stages only and come out the same again.
"""

import inspect
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from experiments import training
from jdistill import artifact, compress, data, losses, metrics, models, objective
from jdistill import schedules, train, tree
from jdistill.build import build
from jdistill.evaluate import evaluate, predict
from jdistill.typing import DataSet, Frozen, Learner, Model, State

IDENTITY = ("stage", "fold", "seed", "of", "against")


class Stage(NamedTuple):
    """A training run: what learns, how, from which stage's parameters it starts."""

    name: str
    model: Model
    learner: Learner
    num_steps: int
    realised: str
    start: str | None = None
    taught: bool = False


def run(config: Mapping[str, Any], workdir: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yields one row for each stage and fold, then the comparisons over all folds."""
    job = training.open_job(config, workdir)
    correct: dict[str, list[np.ndarray]] = {}
    for fold in config["folds"]:
        dataset = _data(config, fold)
        for row, right in _fold(job, config, dataset, fold):
            correct.setdefault(row["stage"], []).append(right)
            yield row
    yield from _comparisons(config, correct)
