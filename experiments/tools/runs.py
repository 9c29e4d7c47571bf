"""One resumable run outside the pipeline."""

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any

import jax

from experiments.tools import plan
from experiments.tools.names import safe
from jdistill import train
from jdistill.typing import Frozen, Learner, Split


def trained(
    folder: pathlib.Path,
    name: str,
    config: Mapping[str, Any],
    learner: Learner,
    split: Split,
    *,
    seed: int,
    num_steps: int,
    batch_size: int,
    progress: train.Progress | None = None,
    frozen: Frozen | Mapping[str, Frozen] | None = None,
    start: Frozen | None = None,
    save_every: int = 1000,
) -> Frozen:
    """Trains, or goes on from the newest checkpoint, or finds the run finished.

    Args:
        folder: where the runs of a seed are.
        name: of this run; it is shown, and so is its folder called.
        config: of all runs; a state that another one saved is refused.
        learner: the recipe.
        split: the training examples.
        seed: of the parameters and of the order of the examples.
        num_steps: the step to end at.
        batch_size: examples a step.
        progress: where it is shown how far the run is.
        frozen: the variables of the teacher, or of several networks by name.
        start: variables to begin with, instead of fresh ones.
        save_every: the most steps between two checkpoints.

    Returns:
        The variables as the model sees them.

    Raises:
        Mistake: a batch is larger than the memory.
    """
    plan.batch(split, batch_size, "config.batch_size")
    every = max(1, min(save_every, num_steps))
    recipe = {"config": config, "run": name, "seed": seed}
    saved = train.checkpoints(folder / safe(name), recipe=recipe)
    with contextlib.closing(saved):
        state = train.run(
            learner,
            split,
            key=jax.random.key(seed),
            num_steps=num_steps,
            batch_size=batch_size,
            seed=seed,
            frozen=frozen,
            start=start,
            progress=progress and progress.of(f"{name} {seed}"),
            checkpoints=saved,
            save_every=every,
        )
    return learner.finish(state)
