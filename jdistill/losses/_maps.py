"""Losses between maps `[batch, height, width, channels]` of different width.

What they compare has no channel axis of one network alone: where a map is large, what
its channels respond to together, and how two layers go with each other.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import one_or_more
from jdistill.losses._checks import several
from jdistill.losses._feature_maps import agree, magnitude, max_pool, unit
from jdistill.typing import Number

MAPS = "batch height width channels"
Taps = tuple[Float[Array, "batch _h _w c_1"], Float[Array, "batch _h _w c_2"]]


def attention_transfer(
    student: Float[Array, "batch height width channels"],
    teacher: Float[Array, "batch height width others"],
    *,
    p: Number | int = 2,
) -> Float[Array, " batch"]:
    r"""Squared error of the maps that say where the activations are large.

    .. math:: L = \frac{1}{hw} \sum_{ij} \left( \frac{Q^s_{ij}}{\lVert Q^s \rVert_2} -
        \frac{Q^t_{ij}}{\lVert Q^t \rVert_2} \right)^2, \quad
        Q_{ij} = \frac{1}{c} \sum_k \lvert A_{ijk} \rvert^p

    The mean over positions is the form that the usual weight of 1000 belongs to.

    Args:
        student: the student's activations A.
        teacher: the teacher's; the number of channels may differ, the size may not.
        p: the power, 1 or more; larger ones look at the largest activations alone.

    Returns:
        float32, one value for each example; 0 where both look at the same places.

    Raises:
        ValueError: batch, height or width differ, or p is below 1.

    References:
        Zagoruyko, Komodakis, Paying more attention to attention: improving the
        performance of convolutional neural networks via attention transfer, ICLR 2017
        (arXiv:1612.03928).

    Example:
        >>> student = jnp.array([2.0, 0.0]).reshape(1, 2, 1, 1)
        >>> attention_transfer(student, jnp.array([0.0, 1.0]).reshape(1, 2, 1, 1))
        Array([1.], dtype=float32)
    """
    agree(student, teacher, MAPS, free="channels")
    one_or_more(p=p)
    ours, theirs = (
        unit(jnp.mean(magnitude(x.astype(jnp.float32)) ** p, axis=-1), (1, 2))
        for x in (student, teacher)
    )
    return jnp.mean((ours - theirs) ** 2, axis=(1, 2))


def nst(
    student: Float[Array, "batch height width channels"],
    teacher: Float[Array, "batch height width others"],
) -> Float[Array, " batch"]:
    r"""Maximum mean discrepancy of the patterns that the channels respond to.

    .. math:: L = \frac{1}{c_s^2} \sum_{ij} k(s_i, s_j) +
        \frac{1}{c_t^2} \sum_{ij} k(t_i, t_j) -
        \frac{2}{c_s c_t} \sum_{ij} k(s_i, t_j), \quad k(x, y) = (x \cdot y)^2

    Each channel's map is a vector of length 1 over the positions. The usual weight is
    50.

    Args:
        student: the student's maps s, one for each of its c_s channels.
        teacher: the teacher's t; the number of channels may differ, the size may not.

    Returns:
        float32, one value for each example; 0 where both have the same channels, in any
        order.

    Raises:
        ValueError: batch, height or width differ.

    References:
        Huang, Wang, Like what you like: knowledge distill via neuron selectivity
        transfer, 2017 (arXiv:1707.01219).

    Example:
        >>> student = jnp.array([1.0, 0.0]).reshape(1, 2, 1, 1)
        >>> nst(student, jnp.array([3.0, 4.0]).reshape(1, 2, 1, 1)).round(4)
        Array([1.28], dtype=float32)
    """
    agree(student, teacher, MAPS, free="channels")
    s, t = (unit(x.astype(jnp.float32), (1, 2)) for x in (student, teacher))
    apart = _kernel(s, s) + _kernel(t, t) - 2 * _kernel(s, t)
    return jnp.maximum(apart, 0.0)  # a square, which rounding may leave below 0


def fsp(student: Taps, teacher: Taps) -> Float[Array, " batch"]:
    r"""Squared error of the flow between two layers.

    .. math:: L = \frac{1}{mn} \sum_{ij} (G^s_{ij} - G^t_{ij})^2, \quad
        G_{ij} = \frac{1}{hw} \sum_{ab} F^1_{abi} F^2_{abj}

    Within a network the larger of both maps is max-pooled to the smaller's size, as in
    the paper; programs that take averages there differ where the sizes do. The paper
    sums over the m x n entries; the mean is the form that the usual weight of 50
    belongs to.

    Args:
        student: an early and a late map F1, F2 of the student.
        teacher: those of the teacher, with as many channels each; sizes may differ.

    Returns:
        float32, one value for each example; 0 where the flows agree.

    Raises:
        ValueError: the numbers of channels differ, or a side is one array.

    References:
        Yim et al., A gift from knowledge distillation: fast optimization, network
        minimization and transfer learning, CVPR 2017.

    Example:
        >>> one, two = jnp.ones((1, 2, 2, 1)), jnp.full((1, 1, 1, 1), 2.0)
        >>> fsp((one, two), (one, one))
        Array([1.], dtype=float32)
    """
    several("(early map, late map)", student=student, teacher=teacher)
    for ours, theirs in zip(student, teacher, strict=True):
        agree(ours, theirs, MAPS, free="height width")
    difference = _flow(*student) - _flow(*teacher)
    return jnp.mean(difference**2, axis=(1, 2))


def _kernel(x, y):
    products = jnp.einsum("bhwi,bhwj->bij", x, y)
    return jnp.mean(products**2, axis=(1, 2))


def _flow(early, late):
    height, width = (min(early.shape[i], late.shape[i]) for i in (1, 2))
    early, late = (
        max_pool(x.astype(jnp.float32), height, width) for x in (early, late)
    )
    return jnp.einsum("bhwi,bhwj->bij", early, late) / (height * width)
