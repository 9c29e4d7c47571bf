"""Predictions with padding, classes that never occur and classes never predicted."""

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.typing import Outputs
from tests.seen import seen

CLASSES, SIZE = 6, 50


def make(seed=0, *, steps=None):
    """Student and teacher logits `[size, (steps,) classes]` and labels.

    Class 4 has examples and is never predicted, 5 is neither there nor predicted, and 3
    is predicted only.
    """
    random = np.random.default_rng(seed)
    shape = (SIZE,) if steps is None else (SIZE, steps)
    student, teacher = random.normal(size=(2, *shape, CLASSES)).astype(np.float32)
    student[..., 4:] -= 20
    label = random.choice([0, 1, 2, 4], size=shape)
    return student, teacher, label


def figure(metric, student, teacher, batch, *, size=16):
    """A metric over batches of one size, the last padded with rubbish."""
    total = None
    for start in range(0, len(student), size):
        rows = slice(start, start + size)
        missing = max(0, start + size - len(student))
        mask = np.ones(size, np.float32)
        mask[size - missing :] = 0

        def pad(x, junk, rows=rows, missing=missing):
            more = np.full((missing, *x.shape[1:]), junk, x.dtype)
            return np.concatenate([x[rows], more])

        part = {name: pad(x, 99) for name, x in batch.items()} | {"mask": mask}
        outputs = [
            None if x is None else Outputs(jnp.asarray(pad(x, np.nan)))
            for x in (student, teacher)
        ]
        sums = metric.sums(seen(*outputs), part)
        total = sums if total is None else jax.tree.map(jnp.add, total, sums)
    return np.asarray(metric.finish(total))
