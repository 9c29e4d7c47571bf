"""Experts that each explain a part of the teacher's representations."""

import jax
import jax.numpy as jnp

from jdistill.checks import above_zero, given, sizes
from jdistill.projections._layers import apply_dense, dense, need, row_keys
from jdistill.typing import Number, Projection


def experts(*, number: int = 30, temperature: Number | int = 1.0) -> Projection:
    r"""The teacher's representation from a mixture of experts that the teacher chooses.

    .. math:: y = \sum_k \alpha_k E_k(x), \quad
        \alpha = \text{softmax}\left( \frac{t W + b + g}{\tau} \right)

    Each E is affine, ReLU, affine, with half the sum of both widths between (half the
    width where they are equal). t is the other side's representation: it says which
    expert learns the example. g are Gumbel numbers drawn from `key` for each example;
    without a key they are 0. The smaller the temperature, the nearer is alpha to one
    expert; the paper lets it fall from 1 towards 0 over training.

    Args:
        number: how many experts.
        temperature: tau, above 0.

    Returns:
        A projection `[batch, ..., dim] -> [batch, ..., dim_t]`; the leading axes of
        both sides are equal.

    Raises:
        ValueError: a number is out of range; when used, other leading axes.

    References:
        Kang et al., DE-RRD: a knowledge distillation framework for recommender system,
        CIKM 2020 (arXiv:2012.04357).

    Example:
        >>> student, teacher = jnp.ones((4, 20)), jnp.ones((4, 200))
        >>> key, mixture = jax.random.key(0), experts(number=3)
        >>> params = jax.eval_shape(mixture.init, key, student, teacher)
        >>> params["experts"]["enter"]["kernel"].shape
        (3, 20, 110)
        >>> jax.eval_shape(mixture.apply, params, student, teacher, key=key).shape
        (4, 200)
    """
    sizes(**given(number=number))
    above_zero(temperature=temperature)

    def init(key, feature, like):
        _check(feature, like)
        inputs, out = feature.shape[-1], like.shape[-1]
        hidden = max(1, (inputs if inputs == out else inputs + out) // 2)
        choose, each = jax.random.split(key)

        def expert(key):
            enter, leave = jax.random.split(key)
            return {
                "enter": dense(enter, inputs, hidden),
                "leave": dense(leave, hidden, out),
            }

        every = jax.vmap(expert)(jax.random.split(each, number))
        return {"choose": dense(choose, out, number), "experts": every}

    def apply(params, feature, like, *, mask=None, key=None):
        _check(feature, like)
        scores = apply_dense(params["choose"], like)
        if key is not None:
            draw = jax.vmap(lambda key: jax.random.gumbel(key, scores.shape[1:]))
            scores = scores + draw(row_keys(key, len(scores)))
        shares = jax.nn.softmax(scores / temperature)

        def expert(params):
            hidden = jax.nn.relu(apply_dense(params["enter"], feature))
            return apply_dense(params["leave"], hidden)

        answers = jax.vmap(expert, out_axes=-1)(params["experts"])
        return jnp.einsum("...dk,...k->...d", answers, shares)

    return Projection(init, apply)


def _check(feature, like):
    need(feature, like, at="experts", maps=False)
    if feature.shape[:-1] != like.shape[:-1]:
        raise ValueError(
            f"experts take {tuple(feature.shape)} to {tuple(like.shape)}: all axes but "
            "the last must be equal"
        )
