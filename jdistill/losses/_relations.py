"""Similarities of all pairs of examples, as matrices that a student keeps.

`[batch, batch]` matrices compare networks of any two widths.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero, whole
from jdistill.losses._rows import (
    centred,
    flat,
    products,
    row_weights,
    same_rows,
    unit,
)
from jdistill.typing import Number


def similarity_preserving(
    student: Float[Array, "batch ..."],
    teacher: Float[Array, "batch ..."],
    *,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""Similarity-preserving distillation: Gram matrices with rows of length 1.

    .. math:: L = \frac{1}{n^2} \lVert G^s - G^t \rVert_F^2, \quad
        G_i = \frac{(x x^T)_i}{\lVert (x x^T)_i \rVert_2}

    Args:
        student: features x^s, flattened to `[batch, dim]`.
        teacher: features x^t, of any width.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, row i its part :math:`\frac{1}{n} \lVert G^s_i - G^t_i \rVert^2`, so
        that the mean over the n real rows is L; 0 for padding.

    Raises:
        ValueError: the numbers of examples differ.

    References:
        Tung, Mori, Similarity-preserving knowledge distillation, ICCV 2019
        (arXiv:1907.09682).

    Example:
        >>> apart, equal = jnp.eye(2), jnp.ones((2, 1))
        >>> similarity_preserving(apart, equal).round(4)
        Array([0.2929, 0.2929], dtype=float32)
    """
    same_rows(student, teacher)
    weights, count = row_weights(mask, student)
    ours, theirs = (weights[:, None] * flat(x, weights) for x in (student, teacher))
    gap = unit(products(ours, ours)) - unit(products(theirs, theirs))
    return weights * jnp.sum(jnp.square(gap), axis=1) / count


def pkt(
    student: Float[Array, "batch ..."],
    teacher: Float[Array, "batch ..."],
    *,
    eps: Number = 1e-7,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""Probabilistic knowledge transfer: who is a neighbour of whom, by cosines.

    .. math:: L = \frac{1}{n^2} \sum_{i,j} p_{j|i}
        \log \frac{p_{j|i} + \epsilon}{q_{j|i} + \epsilon}, \quad
        p_{j|i} = \frac{k^t_{ij}}{\sum_k k^t_{ik}}, \quad
        k_{ij} = \frac{\cos(x_i, x_j) + 1}{2}

    and q of the student. The mean over pairs and the pair (i, i) are those of the
    authors' code, to which the usual weight of 30000 belongs; the paper's equation
    sums over :math:`j \ne i`.

    Args:
        student: features, flattened to `[batch, dim]`.
        teacher: features, of any width.
        eps: added to each probability, above 0.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, row i its part :math:`\frac{1}{n} \sum_j`, so that the mean over the n
        real rows is L; 0 for padding.

    Raises:
        ValueError: the numbers of examples differ, or eps is not above 0.

    References:
        Passalis, Tefas, Learning deep representations with probabilistic knowledge
        transfer, ECCV 2018 (arXiv:1803.10837).

    Example:
        >>> apart, equal = jnp.eye(2), jnp.ones((2, 1))
        >>> pkt(apart, equal).round(4)
        Array([0.0294, 0.0294], dtype=float32)
    """
    same_rows(student, teacher)
    above_zero(eps=eps)
    weights, count = row_weights(mask, student)
    q, p = (_neighbours(flat(x, weights), weights) for x in (student, teacher))
    parts = p * (jnp.log(p + eps) - jnp.log(q + eps))
    return weights * jnp.matmul(parts, weights) / count


def correlation_congruence(
    student: Float[Array, "batch ..."],
    teacher: Float[Array, "batch ..."],
    *,
    gamma: Number = 0.4,
    order: int = 2,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""Correlation congruence: the Gaussian kernel of all pairs, as a Taylor series.

    .. math:: L = \frac{1}{n^2} \lVert C^s - C^t \rVert_F^2, \quad
        C_{ij} = e^{-2 \gamma} \sum_{p=0}^{P} \frac{(2 \gamma)^p}{p!}
        \langle u_i, u_j \rangle^p, \quad u = x / \lVert x \rVert_2

    The series is that of :math:`e^{-\gamma \lVert u_i - u_j \rVert^2}` for rows of
    length 1, so rows are taken to length 1 here. `order=1` is the bilinear kernel but
    for a factor and a constant.

    Args:
        student: features x^s, flattened to `[batch, dim]`.
        teacher: features x^t, of any width.
        gamma: the kernel's :math:`\gamma`, above 0.
        order: the last power P, 1 or more.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, row i its part :math:`\frac{1}{n} \lVert C^s_i - C^t_i \rVert^2`, so
        that the mean over the n real rows is L; 0 for padding.

    Raises:
        ValueError: the numbers of examples differ, gamma is not above 0, or the order
            is below 1.

    References:
        Peng et al., Correlation congruence for knowledge distillation, ICCV 2019
        (arXiv:1904.01802).

    Example:
        >>> apart, equal = jnp.eye(2), jnp.ones((2, 1))
        >>> correlation_congruence(apart, equal).round(4)
        Array([0.1266, 0.1266], dtype=float32)
    """
    same_rows(student, teacher)
    above_zero(gamma=gamma)
    whole(order=order)
    weights, count = row_weights(mask, student)
    ours, theirs = (_taylor(flat(x, weights), gamma, order) for x in (student, teacher))
    return weights * jnp.matmul(jnp.square(ours - theirs), weights) / count


def cka(
    student: Float[Array, "batch ..."],
    teacher: Float[Array, "batch ..."],
    *,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""1 less the linear centred kernel alignment of the two networks' features.

    .. math:: L = 1 - \frac{\langle K^s, K^t \rangle_F}
        {\lVert K^s \rVert_F \lVert K^t \rVert_F}, \quad K = (x - \bar x)(x - \bar x)^T

    Rotating, scaling or shifting either side's features changes nothing. Features that
    are equal for all examples have the alignment 0.

    Args:
        student: features x^s, flattened to `[batch, dim]`.
        teacher: features x^t, of any width.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, L in each real row, in [0, 1]; 0 for padding.

    Raises:
        ValueError: the numbers of examples differ.

    References:
        Kornblith, Norouzi, Lee, Hinton, Similarity of neural network representations
        revisited, ICML 2019 (arXiv:1905.00414).

    Example:
        >>> line, square = jnp.array([[1.0], [0], [-1]]), jnp.array([[1.0], [-2], [1]])
        >>> cka(line, 3 * line + 1).round(4)
        Array([0., 0., 0.], dtype=float32)
        >>> cka(line, square).round(4)
        Array([1., 1., 1.], dtype=float32)
    """
    same_rows(student, teacher)
    weights, _ = row_weights(mask, student)
    ours, theirs = (_kernel(flat(x, weights), weights) for x in (student, teacher))
    vary = jnp.any(ours) & jnp.any(theirs)
    apart = 0.5 * jnp.sum(jnp.square(ours - theirs))  # exact where both are close
    return weights * jnp.where(vary, apart, 1.0)


def _neighbours(rows, weights):
    rows = unit(rows)
    kernel = jnp.maximum((products(rows, rows) + 1) / 2, 0) * weights[None, :]
    total = jnp.sum(kernel, axis=1, keepdims=True)
    return kernel / jnp.where(total > 0, total, 1.0)


def _taylor(rows, gamma, order):
    rows = unit(rows)
    cosines = products(rows, rows)
    powers = (
        (2 * gamma) ** p / math.factorial(p) * cosines**p for p in range(1, order + 1)
    )
    return jnp.exp(jnp.float32(-2 * gamma)) * (1 + sum(powers))


def _kernel(rows, weights):
    rows = centred(rows, weights)
    kernel = products(rows, rows)
    return unit(kernel.reshape(-1)).reshape(kernel.shape)
