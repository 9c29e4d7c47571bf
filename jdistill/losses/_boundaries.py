"""Losses between activations before the ReLU: which units are on, and how far."""

from collections.abc import Sequence

import jax.numpy as jnp
import jax.scipy.stats.norm as normal
import numpy as np
from jaxtyping import Array, Float

from jdistill.checks import above_zero, known
from jdistill.losses._checks import same_shape
from jdistill.typing import Number


def activation_boundary(
    student: Float[Array, " batch *shape"],
    teacher: Float[Array, " batch *shape"],
    *,
    margin: Number | int = 1.0,
) -> Float[Array, " batch"]:
    r"""Squared hinge that asks of each unit to be on where the teacher's is.

    .. math:: L = \sum_i \begin{cases} \max(0, \mu - s_i)^2 & t_i > 0 \\
        \max(0, \mu + s_i)^2 & t_i \le 0 \end{cases}

    The sum over all units of an example, as in the paper; the usual weight is 3e-3,
    halved for each layer from the last one to the first.

    Args:
        student: the student's activations s before the ReLU.
        teacher: the teacher's t before the ReLU.
        margin: mu, how far beyond the boundary a unit should be; above 0.

    Returns:
        float32, one value for each example; 0 where each unit is on its side by the
        margin.

    Raises:
        ValueError: shapes differ, or the margin is not above 0.

    References:
        Heo et al., Knowledge transfer via distillation of activation boundaries formed
        by hidden neurons, AAAI 2019 (arXiv:1811.03233).

    Example:
        >>> activation_boundary(jnp.array([[0.5, 3.0]]), jnp.array([[2.0, -1.0]]))
        Array([16.25], dtype=float32)
    """
    same_shape(student, teacher)
    above_zero(margin=margin)
    s, t = student.astype(jnp.float32), teacher.astype(jnp.float32)
    missing = jnp.maximum(0.0, margin - jnp.where(t > 0, s, -s))
    return jnp.sum(missing**2, axis=tuple(range(1, s.ndim)))


def ofd(
    student: Float[Array, " batch *shape channels"],
    teacher: Float[Array, " batch *shape channels"],
    *,
    margin: Number | int | Sequence[float],
) -> Float[Array, " batch"]:
    r"""Squared error of what the teacher passes on, where that says anything.

    .. math:: L = \sum_i \begin{cases} 0 & s_i \le \hat t_i \le 0 \\
        (s_i - \hat t_i)^2 & \text{otherwise} \end{cases}, \quad
        \hat t_i = \max(t_i, m_c)

    The teacher's negative values carry nothing beyond the next ReLU, so a student that
    is below them is left alone. The sum over all elements of an example, as in the
    paper; the usual weight is 1e-3, halved for each layer from the last one to the
    first.

    Args:
        student: the student's features s before the ReLU, channels last.
        teacher: the teacher's t before the ReLU.
        margin: m, 0 or below: one for each channel or one for all; `ofd_margin` gives
            it from the teacher's batch normalisation.

    Returns:
        float32, one value for each example; 0 where both agree.

    Raises:
        ValueError: shapes differ, or a margin is above 0 or not one for each channel.

    References:
        Heo et al., A comprehensive overhaul of feature distillation, ICCV 2019
        (arXiv:1904.01866).

    Example:
        >>> student = jnp.array([[1.0, -3.0, -1.0]])
        >>> ofd(student, jnp.array([[2.0, -1.0, -9.0]]), margin=-2.0)
        Array([2.], dtype=float32)
    """
    same_shape(student, teacher)
    s, t = student.astype(jnp.float32), teacher.astype(jnp.float32)
    t = jnp.maximum(t, _margin(margin, s.shape))
    squares = jnp.where((s > t) | (t > 0), (s - t) ** 2, 0.0)
    return jnp.sum(squares, axis=tuple(range(1, s.ndim)))


def ofd_margin(
    mean: Float[Array, " channels"], std: Float[Array, " channels"]
) -> Float[Array, " channels"]:
    r"""The expected response of a channel where it is negative.

    .. math:: m = E[x \mid x < 0] =
        \mu - \sigma \frac{\varphi(\mu / \sigma)}{\Phi(-\mu / \sigma)}, \quad
        x \sim N(\mu, \sigma^2)

    For the batch normalisation in front of a ReLU mu is its bias and sigma the size of
    its scale. The closed form holds however rare negative responses are: towards
    large mu it falls like -sigma^2 / mu.

    Args:
        mean: mu, the bias of the normalisation.
        std: sigma, its scale; the sign does not matter.

    Returns:
        float32, 0 or below: the `margin` of `ofd`.

    References:
        Heo et al., A comprehensive overhaul of feature distillation, ICCV 2019
        (arXiv:1904.01866).

    Example:
        >>> ofd_margin(jnp.array([-5.0, 30.0]), jnp.array([1.0, -1.0])).round(3)
        Array([-5.   , -0.033], dtype=float32)
    """
    mean, std = jnp.asarray(mean, jnp.float32), jnp.abs(jnp.asarray(std, jnp.float32))
    spread = std > 0
    ratio = mean / jnp.where(spread, std, 1.0)
    return jnp.where(spread, -std * _excess(ratio), jnp.minimum(mean, 0.0))


def _excess(ratio):
    """`phi(x) / Phi(-x) - x`, without the difference of two large numbers.

    Beyond 3 it is the tail 1 / (x + 2 / (x + 3 / ...)) of Laplace's continued fraction.
    """
    near, far = jnp.minimum(ratio, 3.0), jnp.maximum(ratio, 3.0)
    tail = far
    for term in range(20, 1, -1):
        tail = far + term / tail
    direct = jnp.exp(normal.logpdf(near) - normal.logcdf(-near)) - near
    return jnp.where(ratio > 3.0, 1 / tail, direct)


def _margin(margin, shape):
    margin = jnp.asarray(margin)
    if margin.shape not in ((), shape[-1:]):
        raise ValueError(
            f"margin has shape {margin.shape}, the features {shape}: it must be one "
            f"number, or one for each of {shape[-1]} channels"
        )
    if known(margin) and np.any(np.asarray(margin) > 0):
        raise ValueError(f"margin must be 0 or below, got {margin.max()}")
    return margin.astype(jnp.float32).reshape((1,) * (len(shape) - 1) + (-1,))
