"""Losses against some classes of the teacher's distribution, as caches of tokens keep.

What a `SparseTarget` holds decides what is compared. With `log_tail` (the largest
classes and what the others have together) there are k + 1 outcomes, and the student's
last one is what it gives to all classes that are not named. Without it (classes drawn
at random, or renormalised ones) those named are the whole distribution.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero
from jdistill.losses._checks import arrays
from jdistill.losses._logits import divergence
from jdistill.typing import Number, SparseTarget

NOWHERE = -1e9
"""The logarithm, on both sides, of the probability of a place without a class."""


def sparse_kl(
    student_logits: Float[Array, "*batch classes"],
    target: SparseTarget,
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Kullback-Leibler divergence from some classes of the teacher, and the rest.

    .. math:: L = T^2 \left( \sum_{c \in K} p_c (\log p_c - \log q_c) + p_r (\log p_r -
        \log q_r) \right), \quad q = softmax(z_s / T), \quad q_r = \sum_{c \notin K} q_c

    for the classes K of the target, p_r its tail, which is 0 where it has none. With a
    tail it is at most `kl`, and equal to it where K is every class: joining outcomes
    loses what distinguishes them, and nothing else. Without one, for classes drawn from
    p and weighted by how often they came, its gradient is that of `kl` on average; for
    the k largest renormalised it never falls below 0, where q is p over their mass M
    and none of the others: overconfident, as much as 1 / M.

    Args:
        student_logits: the student's logits z_s.
        target: log p of the classes K and of the tail, taken at the temperature T; the
            first axes are those of the logits. A class that the student does not have
            gives NaN.
        temperature: T, above 0; that of the target.

    Returns:
        float32, in nats times T squared.

    Raises:
        ValueError: shapes do not fit, or the temperature is not above 0.

    References:
        Anshumann et al., Sparse logit sampling: accelerating knowledge distillation in
        LLMs, ACL 2025 (arXiv:2503.16870).

    Example:
        >>> target = SparseTarget(jnp.array([[2]]), jnp.log(jnp.array([[0.75]])),
        ...                 jnp.log(jnp.array([0.25])))
        >>> sparse_kl(jnp.zeros((1, 4)), target).round(4)
        Array([0.5493], dtype=float32)
    """
    q = outcomes(student_logits, target, temperature)
    return temperature**2 * kl_of(target, q)


def sparse_soft_cross_entropy(
    student_logits: Float[Array, "*batch classes"],
    target: SparseTarget,
    *,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch"]:
    r"""Cross entropy with some classes of the teacher, and the rest.

    .. math:: L = -T^2 \left( \sum_{c \in K} p_c \log q_c + p_r \log q_r \right), \quad
        q = softmax(z_s / T), \quad q_r = \sum_{c \notin K} q_c

    `sparse_kl` plus the entropy of the target: the same gradient in the student. For
    classes drawn from p its value too is that of `soft_cross_entropy` on average, which
    the value of `sparse_kl` is not: few draws have less entropy than p.

    Args:
        student_logits: the student's logits z_s.
        target: log p of the classes K and of the tail, taken at the temperature T; the
            first axes are those of the logits. A class that the student does not have
            gives NaN.
        temperature: T, above 0; that of the target.

    Returns:
        float32, in nats times T squared.

    Raises:
        ValueError: shapes do not fit, or the temperature is not above 0.

    References:
        Anshumann et al., Sparse logit sampling: accelerating knowledge distillation in
        LLMs, ACL 2025 (arXiv:2503.16870).

    Example:
        >>> ids, shares = jnp.array([[2, 0, -1]]), jnp.array([[0.75, 0.25, 0.0]])
        >>> drawn = SparseTarget(ids, jnp.log(shares))
        >>> sparse_soft_cross_entropy(jnp.zeros((1, 4)), drawn).round(4)
        Array([1.3863], dtype=float32)
    """
    q = outcomes(student_logits, target, temperature)
    return temperature**2 * cross_entropy_of(target, q)


def outcomes(logits, target: SparseTarget, temperature):
    """The student's log-probabilities of the classes named, and of all others.

    The others' is a logarithm of a sum of their own: 1 minus the sum of those named has
    no digits left where they are nearly all.

    Example:
        >>> one = SparseTarget(jnp.array([[1]]), jnp.zeros((1, 1)))
        >>> outcomes(jnp.zeros((1, 2)), one, 1.0)
        (Array([[-0.6931472]], dtype=float32), None)
    """
    fitting(target, logits)
    above_zero(temperature=temperature)
    z = logits.astype(jnp.float32) / temperature
    whole = jax.nn.logsumexp(z, axis=-1)
    there, classes = target.ids >= 0, z.shape[-1]
    named = jnp.take_along_axis(
        z, jnp.where(there, target.ids, 0), axis=-1, mode="fill", fill_value=jnp.nan
    )
    log_q = jnp.where(there, named - whole[..., None], 0.0)
    if target.log_tail is None:
        return log_q, None
    rest = _without(z, jnp.where(there, target.ids, classes))
    return log_q, _log_sum(rest) - whole


def kl_of(target: SparseTarget, student):
    """KL over the outcomes of a target, from the student's log-probabilities.

    Example:
        >>> one = SparseTarget(jnp.array([[1]]), jnp.zeros((1, 1)))
        >>> kl_of(one, (jnp.full((1, 1), -2.0), None))
        Array([2.], dtype=float32)
    """
    log_q, log_rest = student
    there, log_p = _named(target)
    if log_rest is None:
        gap = jnp.where(there, log_p - log_q, 0.0)
        return jnp.sum(jnp.exp(log_p) * gap, axis=-1)
    # over these outcomes both add up to 1, as `divergence` needs
    tail = target.log_tail.astype(jnp.float32)
    empty = jnp.isneginf(tail) & jnp.isneginf(log_rest)
    log_q = jnp.where(there, log_q, NOWHERE)
    log_rest = jnp.where(empty, NOWHERE, log_rest)
    return divergence(
        _joined(log_p, jnp.maximum(tail, NOWHERE)), _joined(log_q, log_rest)
    )


def cross_entropy_of(target: SparseTarget, student):
    """Cross entropy over the outcomes of a target, from log-probabilities.

    Example:
        >>> one = SparseTarget(jnp.array([[1]]), jnp.zeros((1, 1)))
        >>> cross_entropy_of(one, (jnp.full((1, 1), -2.0), None))
        Array([2.], dtype=float32)
    """
    log_q, log_rest = student
    there, log_p = _named(target)
    total = jnp.sum(jnp.exp(log_p) * jnp.where(there, log_q, 0.0), axis=-1)
    if log_rest is not None:
        tail = jnp.exp(target.log_tail.astype(jnp.float32))
        total += tail * jnp.where(tail > 0, log_rest, 0.0)
    return -total


def fitting(target: SparseTarget, scores) -> None:
    """Refuses a target whose first axes are not those of the student's array.

    Raises:
        ValueError: with the shapes.
        TypeError: it is no `SparseTarget`, or its ids are no integers.

    Example:
        >>> one = SparseTarget(jnp.array([[1]]), jnp.zeros((1, 1)))
        >>> fitting(one, jnp.zeros((1, 4)))
    """
    if not isinstance(target, SparseTarget):
        raise TypeError(
            f"the target must be a SparseTarget, got {type(target).__name__}"
        )
    arrays(student=scores)
    if not jnp.issubdtype(jnp.result_type(target.ids), jnp.integer):
        kind = jnp.result_type(target.ids)
        raise TypeError(f"the target's ids must be integers, got {kind}")
    ids, log_p = jnp.shape(target.ids), jnp.shape(target.log_p)
    if ids[-1:] == (0,):
        raise ValueError(f"the target names no class: its ids have shape {ids}")
    log_tail = None if target.log_tail is None else jnp.shape(target.log_tail)
    batch = scores.shape[:-1]
    if ids != log_p or ids[:-1] != batch or log_tail not in (None, batch):
        raise ValueError(
            f"the student has shape {scores.shape}, the target ids {ids}, log_p "
            f"{log_p} and log_tail {log_tail}: their first axes must be equal"
        )


def _named(target: SparseTarget):
    """Where a place has a class, and log p there, never -inf."""
    there = target.ids >= 0
    log_p = jnp.maximum(target.log_p.astype(jnp.float32), NOWHERE)
    return there, jnp.where(there, log_p, NOWHERE)


def _joined(many, one):
    return jnp.concatenate([many, one[..., None]], axis=-1)


def _without(z, ids):
    """Z with -inf at ids; those that are no class of it are passed over."""
    flat = jnp.asarray(z).reshape(-1, z.shape[-1])
    places = ids.reshape(-1, ids.shape[-1])
    rows = jnp.arange(len(flat))[:, None]
    return flat.at[rows, places].set(-jnp.inf, mode="drop").reshape(z.shape)


def _log_sum(z):
    """The logarithm of a sum of exponentials; -inf, with no gradient, of none."""
    some = jnp.max(z, axis=-1) > -jnp.inf
    total = jax.nn.logsumexp(jnp.where(some[..., None], z, 0.0), axis=-1)
    return jnp.where(some, total, -jnp.inf)
