"""A bank of recent embeddings, from which a contrastive loss takes its negatives."""

import jax.numpy as jnp

from jdistill.checks import whole
from jdistill.typing import Memory


def bank(*, size: int) -> Memory:
    """The last `size` real rows of student and teacher, with the examples they are of.

    A ring: a row overwrites the oldest. The tree has 'student' and 'teacher'
    `[size, dim]` in float32, 'ids' `[size]`, 'filled' `[size]` (1 where a row was
    written) and 'next', where the next row goes: about `4 size (dim_s + dim_t)` bytes,
    whatever the size of the data set. Padded rows are not written; of a batch larger
    than the bank the last rows stay.

    Args:
        size: the number of rows kept, 1 or more.

    Returns:
        A `Memory`; its functions read `batch['id']` and, where there is one,
        `batch['mask']`.

    Raises:
        ValueError: the size is below 1; in its functions, the batch has no 'id'.

    Example:
        >>> recent = bank(size=4)
        >>> rows, batch = jnp.ones((3, 2)), {"id": jnp.array([7, 8, 9])}
        >>> tree = recent.update(recent.init(rows, rows, batch), rows, rows, batch)
        >>> tree["ids"], tree["filled"]
        (Array([ 7,  8,  9, -1], dtype=int32), Array([1., 1., 1., 0.], dtype=float32))
    """
    whole(size=size)

    def init(student, teacher, batch):
        _ids(batch)
        return {
            "student": jnp.zeros((size, student.shape[1])),
            "teacher": jnp.zeros((size, teacher.shape[1])),
            "ids": jnp.full(size, -1, jnp.int32),
            "filled": jnp.zeros(size),
            "next": jnp.zeros((), jnp.int32),
        }

    def update(tree, student, teacher, batch):
        ids = _ids(batch)
        mask = jnp.asarray(batch.get("mask", jnp.ones(len(ids))))
        places, rows = _places(mask > 0, tree["next"], size)

        def write(name, values):
            values = values.astype(tree[name].dtype)
            return tree[name].at[places].set(values, mode="drop")

        return {
            "student": write("student", student),
            "teacher": write("teacher", teacher),
            "ids": write("ids", ids),
            "filled": write("filled", jnp.ones(len(ids))),
            "next": (tree["next"] + rows) % size,
        }

    return Memory(init, update)


def _ids(batch):
    if "id" not in batch:
        raise ValueError(f"no 'id' in the batch; there are {sorted(batch)}")
    return jnp.asarray(batch["id"])


def _places(real, start, size):
    """Where each row goes, `size` (nowhere) for those not kept; how many are real."""
    order = jnp.cumsum(real) - 1
    rows = jnp.sum(real)
    kept = real & (order >= rows - size)  # else two rows would have one place
    return jnp.where(kept, (start + order) % size, size), rows.astype(start.dtype)
