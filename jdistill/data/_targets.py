"""From a distribution over a vocabulary to the few classes that a cache keeps of it."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.typing import Array, Key, SparseTarget


class Targets(NamedTuple):
    """How a teacher's distribution over a vocabulary becomes a few classes.

    * `take(logits, key) -> SparseTarget`: of logits `[..., vocab]`; `key` draws what is
      random.
    * `info`: its name and numbers, which a cache records.
    * `width`: the most classes that a row has.
    * `draws`: how often a row's classes were drawn, where their probabilities are
      counts over it; 0 where they are logarithms.
    """

    take: Callable[[Array, Key | None], SparseTarget]
    info: Mapping[str, Any]
    width: int
    draws: int = 0


def top_k(*, k: int = 64) -> Targets:
    r"""The k largest classes, and the logarithm of what all others have together.

    .. math:: \log p_c = z_c - \log \sum_j e^{z_j}, \quad
        \log p_r = \log \sum_{c \notin K} e^{z_c} - \log \sum_j e^{z_j}

    The tail is a sum of its own, never 1 minus the rest, so it is exact however small.

    Args:
        k: classes of a row, 1 to the vocabulary's size.

    Returns:
        What `cache_tokens` takes.

    Raises:
        ValueError: k is below 1, or above the classes that there are.

    Example:
        >>> found = top_k(k=1).take(jnp.log(jnp.array([[0.2, 0.7, 0.1]])), None)
        >>> found.ids.tolist(), round(float(jnp.exp(found.log_tail[0])), 4)
        ([[1]], 0.3)
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")

    def take(logits, key):
        del key
        if k > logits.shape[-1]:
            raise ValueError(f"k={k} of a vocabulary of {logits.shape[-1]} ids")
        z = logits.astype(jnp.float32)
        whole = jax.nn.logsumexp(z, axis=-1, keepdims=True)
        z = jnp.where(z == 0, 0, z)  # -0.0 would rank below 0.0
        best, ids = jax.lax.top_k(z, k)
        others = jnp.put_along_axis(z, ids, -jnp.inf, axis=-1, inplace=False)
        rest = jax.nn.logsumexp(others, axis=-1)
        ids = jnp.where(jnp.isneginf(best), -1, ids)
        return SparseTarget(ids, best - whole, rest - whole[..., 0])

    return Targets(take, {"name": "top_k", "k": k}, k)


def random_sampled(*, draws: int = 50, tau: float = 1.0) -> Targets:
    r"""Classes drawn at random, each with its share of the draws.

    .. math:: c_1, ..., c_n \sim r, \quad r_c \propto p_c^\tau, \quad
        w_c \propto \frac{|\{i : c_i = c\}|}{n} \frac{p_c}{r_c}

    At tau 1 w is the share of the draws, and the cross entropy with it, and its
    gradient, are those with p on average. About 12 of 50 draws are different classes
    where the teacher is a language model. Otherwise w is divided by its sum, which
    leaves a bias that falls with n.

    Args:
        draws: n, at least 1.
        tau: above 0; below 1 rare classes are drawn more often.

    Returns:
        What `cache_tokens` takes.

    Raises:
        ValueError: a number is out of range.

    References:
        Anshumann et al., Sparse logit sampling: accelerating knowledge distillation in
        LLMs, ACL 2025 (arXiv:2503.16870).

    Example:
        >>> rule, key = random_sampled(draws=20), jax.random.key(0)
        >>> found = jax.jit(rule.take)(jnp.log(jnp.array([[0.3, 0.7]])), key)
        >>> float(jnp.exp(found.log_p).sum().round(4))
        1.0
    """
    if not 1 <= draws < 2**16:
        raise ValueError(f"draws must be 1 to 65535, got {draws}")
    if not 0 < tau < float("inf"):
        raise ValueError(f"tau must be above 0 and finite, got {tau}")

    def take(logits, key):
        log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
        ids = _drawn(tau * log_p, draws, key)
        same = ids[..., :, None] == ids[..., None, :]
        first = ~jnp.tril(same, -1).any(-1)
        weight = jnp.log(same.sum(-1) / draws)
        if tau != 1:
            weight += (1 - tau) * jnp.take_along_axis(log_p, ids, axis=-1)
        weight = jnp.where(first, weight, -jnp.inf)
        if tau != 1:
            weight -= jax.nn.logsumexp(weight, axis=-1, keepdims=True)
        # logits that are no numbers have draws all the same
        weight = jnp.where(jnp.isnan(log_p).any(-1, keepdims=True), jnp.nan, weight)
        return SparseTarget(jnp.where(first, ids, -1), weight)

    info = {"name": "random_sampled", "draws": draws, "tau": tau}
    return Targets(take, info, draws, draws if tau == 1 else 0)


def _drawn(log_r, draws: int, key):
    """Ids from a distribution: a block of the vocabulary first, then one of its ids.

    Cumulative sums of the whole vocabulary would be slow, and as coarse at its end as
    the last digit of 1; those of a block are as fine as the block is rare.
    """
    r = jax.nn.softmax(log_r, axis=-1).reshape(-1, log_r.shape[-1])
    side = math.isqrt(r.shape[-1] - 1) + 1
    r = jnp.pad(r, ((0, 0), (0, side * side - r.shape[-1]))).reshape(-1, side, side)
    first, second = jax.random.uniform(key, (2, len(r), draws))
    block = _inverse(r.sum(-1)[:, None], first)
    inside = jnp.take_along_axis(r, block[..., None], axis=1)
    ids = block * side + _inverse(inside, second)
    return ids.reshape(*log_r.shape[:-1], draws)


def _inverse(weights, u):
    """The places where cumulative sums of weights pass the share u of their total."""
    sums = jnp.cumsum(weights, axis=-1)
    total = sums[..., -1]
    # a product may round up to the total, which no sum passes
    height = jnp.minimum(u * total, jnp.nextafter(total, 0.0))
    return (sums <= height[..., None]).sum(-1)
