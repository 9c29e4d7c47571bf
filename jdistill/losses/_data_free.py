"""What a generator learns from a teacher where there are no data."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.losses._checks import arrays
from jdistill.losses._rows import row_weights


def one_hot(
    logits: Float[Array, "*batch classes"],
) -> Float[Array, "*batch"]:
    r"""How unsure a network is of what it is shown: cross entropy with its own choice.

    .. math:: L = -\log p_{c^*}, \quad p = softmax(z), \quad c^* = \arg\max_c z_c

    Images that are like the training data make a teacher sure. It trains a generator
    through the fixed teacher, beside `activation` and `class_balance`.

    Args:
        logits: the teacher's logits z of generated examples.

    Returns:
        float32, in nats; near 0 where it is sure, log of the classes where it is not.

    References:
        Chen, Wang, Xu et al., Data-free learning of student networks, ICCV 2019
        (arXiv:1904.01186), equation 2.

    Example:
        >>> one_hot(jnp.zeros((1, 2))).round(4)
        Array([0.6931], dtype=float32)
    """
    arrays(logits=logits)
    return -jnp.max(jax.nn.log_softmax(logits.astype(jnp.float32)), axis=-1)


def activation(
    features: Float[Array, "batch ..."],
) -> Float[Array, " batch"]:
    r"""How little an example excites a network.

    .. math:: L = -\frac{1}{n} \sum_i |f_i|

    Args:
        features: the teacher's features f of generated examples, n of them each, as a
            rule those before its last layer.

    Returns:
        float32, 0 or below, without a lower bound: the weight is small, 0.1.

    References:
        Chen, Wang, Xu et al., Data-free learning of student networks, ICCV 2019
        (arXiv:1904.01186), equation 3.

    Example:
        >>> activation(jnp.array([[1.0, -3.0]]))
        Array([-2.], dtype=float32)
    """
    arrays(features=features)
    flat = jax.lax.collapse(features.astype(jnp.float32), 1)
    return -jnp.mean(jnp.abs(flat), axis=-1)


def class_balance(
    logits: Float[Array, "batch classes"],
    *,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""How unevenly the classes occur in a batch: minus the entropy of their mean.

    .. math:: L = \sum_c \bar p_c \log \bar p_c, \quad
        \bar p = \frac{1}{n} \sum_i softmax(z_i)

    Without it a generator makes the one class that it makes best. Over the n real
    examples of a batch; the usual weight is 5.

    Args:
        logits: the teacher's logits z of generated examples.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, in nats: L in each real row, minus the log of the classes where all are
        alike and 0 where there is one; 0 for padding.

    References:
        Chen, Wang, Xu et al., Data-free learning of student networks, ICCV 2019
        (arXiv:1904.01186), equation 4.

    Example:
        >>> class_balance(jnp.array([[9.0, 0.0], [0.0, 9.0]])).round(4)
        Array([-0.6931, -0.6931], dtype=float32)
    """
    arrays(logits=logits)
    weights, count = row_weights(mask, logits)
    counted = jnp.where(weights[:, None] > 0, logits.astype(jnp.float32), 0.0)
    mean = weights @ jax.nn.softmax(counted) / count
    # a class that never occurs adds 0, and no infinity
    total = jnp.sum(mean * jnp.log(jnp.maximum(mean, jnp.finfo(jnp.float32).tiny)))
    return weights * total
