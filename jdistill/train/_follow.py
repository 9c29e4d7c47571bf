"""A teacher that follows its student."""

import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill.checks import constants, fraction
from jdistill.typing import Follower, Frozen, Model, Number, Schedule, Tree, value_at


def follow_mean(
    *, decay: Number | Schedule = 0.999, model: Model | None = None
) -> Follower:
    r"""A network whose variables are the running mean of the student's.

    .. math:: \bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t) \theta_t

    A mean teacher: `learner(..., others={'mean': follow_mean()})` and terms that read
    `logits('mean')`. Its variables, the raw parameters before the compression, are in
    `State.followers`, in float32 where the student's are of less; they are checkpointed
    and never packed. They begin as the student's.

    Args:
        decay: d, from 0 to below 1; a function of the step is a schedule. With
            `1 - 1 / t` up to its last value the first steps count alike.
        model: the network that they are the variables of, the student's by default;
            such as one without int8 activations.

    Returns:
        A follower for `learner(others=)`.

    Raises:
        ValueError: a decay that is known and out of range.

    References:
        Tarvainen, Valpola, Mean teachers are better role models, NeurIPS 2017
        (arXiv:1703.01780).

    Example:
        >>> mean = follow_mean(decay=0.5)
        >>> first = mean.init(Frozen({'w': jnp.array(0.0)}))
        >>> later = mean.update(first, Frozen({'w': jnp.array(4.0)}), step=1)
        >>> float(mean.variables(later).params['w'])
        2.0
    """
    if model is not None:
        kinds.model(model=model)
    fraction(**constants(decay=decay))

    def update(tree: Tree, student: Frozen, *, step) -> Tree:
        now = jnp.asarray(value_at(decay, step), jnp.float32)

        def mean(old, new):
            if not jnp.issubdtype(old.dtype, jnp.inexact):
                return new
            return old + (1 - now) * (new.astype(old.dtype) - old)

        return jax.tree.map(mean, tree, student)

    return Follower(lambda student: jax.tree.map(_begin, student), update, _same, model)


def _begin(x):
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return jnp.array(x, wide if jnp.issubdtype(x.dtype, jnp.inexact) else x.dtype)


def _same(tree):
    return tree
