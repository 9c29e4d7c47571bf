"""Distances and angles between examples, as relations that a student keeps.

Both read the rows through the Gram matrix of the centred features, so the widths of
student and teacher may differ and memory does not grow with the width. Rows nearer to
each other than a thousandth of their distance from the mean count as equal.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.losses._rows import (
    centred,
    distances,
    flat,
    products,
    row_weights,
    same_rows,
)


def rkd_distance(
    student: Float[Array, "batch ..."],
    teacher: Float[Array, "batch ..."],
    *,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""Relational distillation of the distances between examples.

    .. math:: L = \frac{1}{n^2} \sum_{i,j} h(d^s_{ij} - d^t_{ij}), \quad
        d_{ij} = \lVert x_i - x_j \rVert_2 / \mu, \quad
        h(x) = \begin{cases} x^2 / 2 & |x| \le 1 \\ |x| - 1/2 \end{cases}

    with :math:`\mu` the mean distance of two different rows, of each network its own;
    pairs of equal features count in it. The paper writes a sum over pairs; the mean is
    that of its authors' code.

    Args:
        student: features x^s, flattened to `[batch, dim]`.
        teacher: features x^t, of any width.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, row i its part :math:`\frac{1}{n} \sum_j h`, so that the mean over the
        n real rows is L; 0 for padding.

    Raises:
        ValueError: the numbers of examples differ.

    References:
        Park, Kim, Lu, Cho, Relational knowledge distillation, CVPR 2019
        (arXiv:1904.05068).

    Example:
        >>> line, bent = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([[0.0], [1], [1]])
        >>> rkd_distance(line, 5 * line + 3)
        Array([0., 0., 0.], dtype=float32)
        >>> rkd_distance(line, bent).round(4)
        Array([0.0938, 0.1875, 0.0938], dtype=float32)
    """
    same_rows(student, teacher)
    weights, count = row_weights(mask, student)
    ours, theirs = (_relative(flat(x, weights), weights) for x in (student, teacher))
    return weights * jnp.matmul(_huber(ours - theirs), weights) / count


def rkd_angle(
    student: Float[Array, "batch ..."],
    teacher: Float[Array, "batch ..."],
    *,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""Relational distillation of the angles in triplets of examples.

    .. math:: L = \frac{1}{n^3} \sum_{i,j,k} h(c^s_{ijk} - c^t_{ijk}), \quad
        c_{ijk} = \langle e_{ij}, e_{kj} \rangle, \quad
        e_{ij} = \frac{x_i - x_j}{\lVert x_i - x_j \rVert_2}

    with the Huber function h of `rkd_distance`, e = 0 where two rows are equal, and j
    the corner of the angle. Rows nearer to each other than a thousandth of their
    distance from the mean are taken for equal: programs that divide by the distance
    however small it is count their angles. All triplets are taken: an array of batch^3
    angles is 8 MB at 128 examples and 67 MB at 256, whatever the width, and a gradient
    holds five.

    Args:
        student: features x^s, flattened to `[batch, dim]`.
        teacher: features x^t, of any width.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, row j its part :math:`\frac{1}{n^2} \sum_{i,k} h`, so that the mean
        over the n real rows is L; 0 for padding.

    Raises:
        ValueError: the numbers of examples differ.

    References:
        Park, Kim, Lu, Cho, Relational knowledge distillation, CVPR 2019
        (arXiv:1904.05068).

    Example:
        >>> corner = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> line = jnp.array([[0.0], [1.0], [-1.0]])
        >>> rkd_angle(corner, line).round(4)
        Array([0.1111, 0.0095, 0.0095], dtype=float32)
    """
    same_rows(student, teacher)
    weights, count = row_weights(mask, student)
    ours, theirs = (_angles(flat(x, weights), weights) for x in (student, teacher))
    inner = jnp.matmul(jnp.matmul(_huber(ours - theirs), weights), weights)
    return weights * inner / count**2


def _relative(rows, weights):
    rows = centred(rows, weights)
    found = distances(products(rows, rows))
    pairs = weights[:, None] * weights[None, :]
    number = jnp.sum(pairs) - jnp.sum(jnp.square(weights))
    total = jnp.sum(pairs * found)
    return found * jnp.where(total > 0, number / jnp.where(total > 0, total, 1), 0)


def _angles(rows, weights):
    """The cosines `[corner, batch, batch]`."""
    rows = centred(rows, weights)
    gram = products(rows, rows)
    found = distances(gram)
    inverse = jnp.where(found > 0, 1 / jnp.where(found > 0, found, 1.0), 0.0)
    corner = gram[:, :, None] + gram[:, None, :]
    inner = gram[None] - corner + jnp.diagonal(gram)[:, None, None]
    return inner * inverse[:, :, None] * inverse[:, None, :]


def _huber(x):
    size = x * jnp.sign(x)  # jnp.abs has the slope 1 at 0
    return jnp.where(size <= 1, 0.5 * jnp.square(x), size - 0.5)
