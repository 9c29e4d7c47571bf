"""Losses where each class is a question of its own: several may be true at once."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from jdistill.checks import above_zero
from jdistill.losses._checks import arrays, same_shape
from jdistill.losses._logits import divergence
from jdistill.typing import Number


def binary_kl(
    student_logits: Float[Array, "*batch classes"],
    teacher_logits: Float[Array, "*batch classes"],
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Sum over classes of the divergence between yes and no, at a temperature.

    .. math:: L = T^2 \sum_c \Big(p_c \log\frac{p_c}{q_c} + (1 - p_c) \log\frac{1 - p_c}
        {1 - q_c}\Big), \quad p = \sigma(z_t / T), \quad q = \sigma(z_s / T)

    A sum, as in `binary_cross_entropy`, so that one weight balances the two.

    Args:
        student_logits: the student's logits z_s, of each class on its own.
        teacher_logits: the teacher's logits z_t.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared; 0 where both agree.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    References:
        Yang, Xie, Zong, Feng, Niu, Sugiyama, Huang, Multi-label knowledge distillation,
        ICCV 2023 (arXiv:2308.06453).

    Example:
        >>> binary_kl(jnp.zeros((1, 2)), jnp.log(jnp.array([[3.0, 3.0]]))).round(4)
        Array([0.2616], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    above_zero(temperature=temperature)
    z_t = teacher_logits.astype(jnp.float32) / temperature
    z_s = student_logits.astype(jnp.float32) / temperature
    log_p, log_q = (
        jnp.stack([jax.nn.log_sigmoid(z), jax.nn.log_sigmoid(-z)], axis=-1)
        for z in (z_t, z_s)
    )
    return temperature**2 * jnp.sum(divergence(log_p, log_q), axis=-1)


def binary_cross_entropy(
    logits: Float[Array, "*batch classes"], labels: Shaped[Array, "*batch classes"]
) -> Float[Array, "*batch"]:
    r"""Sum over classes of the cross entropy with yes or no.

    .. math:: L = -\sum_c (y_c \log q_c + (1 - y_c) \log(1 - q_c)), \quad q = \sigma(z)

    Args:
        logits: the student's logits z, of each class on its own.
        labels: y, 1 where the class applies and 0 where not; what lies between is a
            soft label.

    Returns:
        float32, in nats.

    Raises:
        ValueError: shapes differ.

    References:
        Good, Rational decisions, Journal of the Royal Statistical Society B, 1952.

    Example:
        >>> logits = jnp.log(jnp.array([[3.0, 3.0]]))
        >>> binary_cross_entropy(logits, jnp.array([[1, 0]])).round(2)
        Array([1.67], dtype=float32)
    """
    arrays(logits=logits, labels=labels)
    if logits.shape != labels.shape:
        raise ValueError(
            f"logits have shape {logits.shape}, labels {labels.shape}: they must be "
            "equal"
        )
    z, y = logits.astype(jnp.float32), labels.astype(jnp.float32)
    values = y * jax.nn.log_sigmoid(z) + (1 - y) * jax.nn.log_sigmoid(-z)
    return -jnp.sum(values, axis=-1)
