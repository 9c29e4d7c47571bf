"""Losses against labels: `loss(logits, labels)`, `[*batch, classes] -> [*batch]`."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jdistill.checks import above_zero, fraction
from jdistill.losses._checks import arrays, one_label_each
from jdistill.typing import Number


def cross_entropy(
    logits: Float[Array, "*batch classes"], labels: Integer[Array, "*batch"]
) -> Float[Array, "*batch"]:
    r"""Cross entropy with integer labels.

    .. math:: L = -\log q_y, \quad q = softmax(z)

    Args:
        logits: the student's logits z.
        labels: the classes y, 0 to classes - 1; any other gives NaN.

    Returns:
        float32, in nats.

    Raises:
        ValueError: labels are not one for each row.

    References:
        Good, Rational decisions, Journal of the Royal Statistical Society B, 1952.

    Example:
        >>> cross_entropy(jnp.log(jnp.array([[0.75, 0.25]])), jnp.array([1]))
        Array([1.3862944], dtype=float32)
    """
    one_label_each(logits, labels)
    return -at_label(_log_q(logits), labels)


def label_smoothing(
    logits: Float[Array, "*batch classes"],
    labels: Integer[Array, "*batch"],
    *,
    smoothing: Number = 0.1,
) -> Float[Array, "*batch"]:
    r"""Cross entropy with labels that give some probability to every class.

    .. math:: L = -(1 - \epsilon) \log q_y - \frac{\epsilon}{C} \sum_c \log q_c, \quad
        q = softmax(z)

    The C classes share epsilon, the label's own among them.

    Args:
        logits: the student's logits z.
        labels: the classes y, 0 to classes - 1; any other gives NaN.
        smoothing: epsilon, from 0 (which is `cross_entropy`) to below 1.

    Returns:
        float32, in nats.

    Raises:
        ValueError: labels are not one for each row, or smoothing is out of range.

    References:
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, Rethinking the Inception architecture
        for computer vision, CVPR 2016 (arXiv:1512.00567).

    Example:
        >>> logits = jnp.log(jnp.array([[0.75, 0.25]]))
        >>> values = label_smoothing(logits, jnp.array([1]), smoothing=0.5)
        >>> round(float(values[0]), 4)
        1.1116
    """
    fraction(smoothing=smoothing)
    one_label_each(logits, labels)
    uniform = -jnp.mean(_log_q(logits), axis=-1)
    return (1 - smoothing) * cross_entropy(logits, labels) + smoothing * uniform


def virtual_teacher(
    logits: Float[Array, "*batch classes"],
    labels: Integer[Array, "*batch"],
    *,
    probability: Number = 0.99,
    temperature: Number | int = 20.0,
) -> Float[Array, "*batch"]:
    r"""Divergence from a designed teacher that is right with a fixed probability.

    .. math:: L = \sum_c p_c (\log p_c - \log q_c), \quad p = softmax(u / T), \quad
        u_y = a, \quad u_{c \ne y} = (1 - a) / (C - 1), \quad q = softmax(z)

    A sum over the classes, where programs that call a mean over batch and classes have
    1 / C of it. Only the teacher is softened: the gradient does not fall with the
    temperature, and no T squared is needed. As u is a probability and not a logit, p
    is nearly uniform at a high temperature.

    Args:
        logits: the student's logits z.
        labels: the classes y, 0 to classes - 1; any other gives NaN.
        probability: a, what the designed teacher gives the label's class; from 0 to
            below 1.
        temperature: T, above 0; the designed teacher's.

    Returns:
        float32, in nats; 0 where the student's distribution is p.

    Raises:
        ValueError: labels are not one for each row, there is one class, or a number is
            out of range.

    References:
        Yuan, Tay, Li, Wang, Feng, Revisiting knowledge distillation via label smoothing
        regularization, CVPR 2020 (arXiv:1909.11723).

    Example:
        >>> logits = jnp.zeros((1, 2))
        >>> virtual_teacher(logits, jnp.array([1]), temperature=0.5).round(3)
        Array([0.319], dtype=float32)
    """
    arrays(logits=logits)
    fraction(probability=probability)
    above_zero(temperature=temperature)
    others = logits.shape[-1] - 1
    if others < 1:
        raise ValueError("virtual_teacher needs at least 2 classes, got 1")
    below = ((1 - probability) / others - probability) / temperature
    log_p_y = -jax.nn.softplus(below + math.log(others))
    log_p = log_p_y + below
    p_y, p = jnp.exp(log_p_y), jnp.exp(log_p)
    at_label = cross_entropy(logits, labels)
    elsewhere = -jnp.sum(_log_q(logits), axis=-1) - at_label
    return p_y * (log_p_y + at_label) + p * (others * log_p + elsewhere)


def at_label(values, labels):
    """The entry of each row at its label, NaN where there is no such class."""
    one_label_each(values, labels)
    found = jnp.take_along_axis(values, labels[..., None], axis=-1)[..., 0]
    return jnp.where(labels < 0, jnp.nan, found)  # it would count from the last class


def _log_q(logits):
    return jax.nn.log_softmax(logits.astype(jnp.float32))
