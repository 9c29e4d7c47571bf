"""Losses of recommenders' scores: `[*batch, items]`, one list of items for each user.

A list may be all items or a sample, the teacher's best and some others. An item with
the teacher's score -inf (one that the user has already) is no candidate: it has no
rank, and the student's score of it is not used.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero, whole
from jdistill.losses._checks import same_shape
from jdistill.typing import Number

NO_CANDIDATE = -1e30  # below every score, and finite: a difference of -inf is NaN


def rd(
    student_scores: Float[Array, "*batch items"],
    teacher_scores: Float[Array, "*batch items"],
    *,
    k: int = 10,
    lam: Number | int = 1.0,
    mu: Number = 0.1,
) -> Float[Array, "*batch"]:
    r"""Ranking distillation: the teacher's best k items as if the user had taken them.

    .. math:: L = -\sum_{r=1}^{k} w_r \log \sigma(s_{\pi(r)}), \quad
        w_r = \frac{e^{-r / \lambda}}{\sum_{i=1}^{k} e^{-i / \lambda}}
        \tanh(\max(\mu (\hat r_{\pi(r)} - r), 0))

    pi(r) is the teacher's item of rank r, s the student's score and r-hat its rank
    among all candidates. The first factor weights the top, the second what the student
    still ranks too low; it is exact here, where the ranks are often estimated from a
    sample of items. The products are not divided by their sum, as in the authors'
    program.

    Args:
        student_scores: the student's scores s.
        teacher_scores: the teacher's scores; ties are ranked by index.
        k: how many of the teacher's items are taken, up to all.
        lam: lambda, above 0; how slowly the weight falls with the rank.
        mu: above 0; how fast the weight rises with the student's mistake.

    Returns:
        float32, in nats; 0 where the student ranks each of them as high as the teacher
        does. The weights have no gradient.

    Raises:
        ValueError: shapes differ, or a number is out of range.

    References:
        Tang, Wang, Ranking distillation: learning compact ranking models with high
        performance for recommender system, KDD 2018 (arXiv:1809.07428).

    Example:
        >>> rd(jnp.zeros((1, 3)), jnp.array([[3.0, 2.0, 1.0]]), k=2)
        Array([0.], dtype=float32)
        >>> values = rd(jnp.array([[0.0, 1.0, 2.0]]), jnp.array([[3.0, 2.0, 1.0]]), k=1)
        >>> round(float(values[0]), 4)
        0.1368
    """
    above_zero(lam=lam, mu=mu)
    ours, theirs, candidate = _scores(student_scores, teacher_scores, k)
    theirs, best = jax.lax.top_k(theirs, k)
    taken = jnp.take_along_axis(ours, best, axis=-1)
    above = ours[..., None, :] > taken[..., :, None]
    ranks = jnp.sum(above & candidate[..., None, :], axis=-1)
    places = jax.lax.broadcasted_iota(jnp.int32, ranks.shape, ranks.ndim - 1)
    static = jax.nn.softmax(-places / lam)
    late = jnp.tanh(jnp.maximum(mu * (ranks - places), 0.0))
    values = static * late * jax.nn.softplus(-taken)
    return jnp.sum(jnp.where(theirs > NO_CANDIDATE, values, 0.0), axis=-1)


def rrd(
    student_scores: Float[Array, "*batch items"],
    teacher_scores: Float[Array, "*batch items"],
    *,
    k: int = 40,
) -> Float[Array, "*batch"]:
    r"""Relaxed ranking distillation: the order of the best k items, above all others.

    .. math:: L = -\sum_{r=1}^{k} \log \frac{e^{s_{\pi(r)}}}
        {\sum_{i=r}^{k} e^{s_{\pi(i)}} + \sum_{j \in U} e^{s_j}}

    pi(r) is the teacher's item of rank r, s the student's score, U the candidates
    beyond rank k, whose order does not count. It is the negative log-likelihood of
    drawing the items in the teacher's order, a sum over ranks: programs that take the
    mean over them have 1 / k of it, and the weights that belong to that.

    Args:
        student_scores: the student's scores s.
        teacher_scores: the teacher's scores; ties are ranked by index.
        k: how many items are interesting, up to all.

    Returns:
        float32, in nats, a sum over ranks; above 0 also where both agree.

    Raises:
        ValueError: shapes differ, or k is out of range.

    References:
        Kang, Hwang, Kweon, Yu, DE-RRD: a knowledge distillation framework for
        recommender system, CIKM 2020 (arXiv:2012.04357). There the list is a sample
        drawn anew each epoch: k = 40 of the teacher's best items, rank r with
        probability proportional to exp(-r / 10), and 40 of the others.

    Example:
        >>> rrd(jnp.zeros((1, 3)), jnp.array([[3.0, 2.0, 1.0]]), k=1).round(4)
        Array([1.0986], dtype=float32)
    """
    ours, theirs, candidate = _scores(student_scores, teacher_scores, k)
    ours = jnp.where(candidate, ours, NO_CANDIDATE)
    _, order = jax.lax.top_k(theirs, k)
    best = jnp.take_along_axis(ours, order, axis=-1)
    rest = jnp.put_along_axis(ours, order, NO_CANDIDATE, axis=-1, inplace=False)
    left = jnp.broadcast_to(best[..., None, :], (*best.shape, k))
    below = jnp.broadcast_to(jnp.triu(jnp.ones((k, k), jnp.bool_)), left.shape)
    left = jax.nn.logsumexp(left, axis=-1, where=below)
    left = jnp.logaddexp(left, jax.nn.logsumexp(rest, axis=-1, keepdims=True))
    return jnp.sum(jnp.where(best > NO_CANDIDATE, left - best, 0.0), axis=-1)


def _scores(student_scores, teacher_scores, k):
    """Both in float32, and which items are candidates."""
    same_shape(student_scores, teacher_scores)
    items = teacher_scores.shape[-1]
    whole(k=k, most=items)
    candidate = teacher_scores > -jnp.inf
    theirs = jnp.where(candidate, teacher_scores.astype(jnp.float32), NO_CANDIDATE)
    theirs = jnp.where(theirs == 0, 0.0, theirs)  # -0.0 would rank below 0.0
    return student_scores.astype(jnp.float32), theirs, candidate
