"""What relations between rows share: flat rows, their weights, Gram matrices.

Every product here runs at the highest precision: differences of Gram entries cancel,
and the short products that accelerators choose by themselves would leave only noise.
"""

import jax
import jax.numpy as jnp

from jdistill.losses._checks import arrays

SAME = 1e-6
"""Rows whose squared distance is below this part of their squared lengths are equal."""

CONSTANT = 1e-10
"""Features whose variance is below this part of their mean square do not vary."""


def same_rows(student, teacher):
    arrays(student=student, teacher=teacher)
    """Refuses features of different numbers of examples."""
    if student.shape[:1] != teacher.shape[:1]:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: their first "
            "axes, the examples, must be equal"
        )


def flat(features, weights):
    """Features as float32 rows `[batch, dim]`, 0 where they weigh nothing."""
    rows = jax.lax.collapse(features.astype(jnp.float32), 1)
    return jnp.where(weights[:, None] > 0, rows, 0.0)


def row_weights(mask, rows):
    """The weight of each row and of all together, at least 1."""
    weights = jnp.ones(len(rows)) if mask is None else mask.astype(jnp.float32)
    return weights, jnp.maximum(jnp.sum(weights), 1.0)


def products(left, right):
    """The scalar products of two sets of rows, over any leading axes."""
    return jnp.matmul(
        left, jnp.swapaxes(right, -1, -2), precision=jax.lax.Precision.HIGHEST
    )


def unit(vectors):
    """Each vector over its length; a vector of zeros stays one."""
    squares = jnp.sum(jnp.square(vectors), axis=-1, keepdims=True)
    some = squares > jnp.finfo(jnp.float32).tiny
    return jnp.where(some, vectors / jnp.sqrt(jnp.where(some, squares, 1.0)), 0.0)


def centred(rows, weights):
    """Rows less their weighted mean; exactly 0 where they do not vary."""
    column = weights[:, None]
    mean = jnp.sum(column * rows, axis=0) / jnp.maximum(jnp.sum(weights), 1.0)
    less = column * (rows - mean[None])
    vary = jnp.sum(jnp.square(less)) > CONSTANT * jnp.sum(jnp.square(column * rows))
    return jnp.where(vary, less, 0.0)


def distances(gram):
    """Euclidean distances from a Gram matrix, 0 between equal rows."""
    lengths = jnp.diagonal(gram)
    both = lengths[:, None] + lengths[None, :]
    squares = both - 2 * gram
    apart = squares > SAME * both
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, squares, 1.0)), 0.0)
