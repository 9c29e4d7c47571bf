"""Losses against labels: `loss(logits, labels)`, `[*batch, classes] -> [*batch]`."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer


def cross_entropy(
    logits: Float[Array, "*batch classes"], labels: Integer[Array, "*batch"]
) -> Float[Array, "*batch"]:
    r"""Cross entropy with integer labels.

    .. math:: L = -\log q_y, \quad q = softmax(z)

    Args:
        logits: the student's logits z.
        labels: the classes y, 0 to classes - 1; one beyond the last class gives NaN.

    Returns:
        float32, in nats.

    References:
        Good, Rational decisions, Journal of the Royal Statistical Society B, 1952.

    Example:
        >>> cross_entropy(jnp.log(jnp.array([[0.75, 0.25]])), jnp.array([1]))
        Array([1.3862944], dtype=float32)
    """
    log_q = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
