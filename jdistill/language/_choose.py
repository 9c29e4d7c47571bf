"""How the next token is chosen from its logits."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jdistill.checks import above_zero, whole, zero_to_one
from jdistill.typing import Array, Key, Number

Choose = Callable[[Array, Key], Array]
"""`choose(logits [vocab], key) -> id`, for one row."""


def greedy(logits: Array, key: Key) -> Array:
    """The likeliest token; the first of equals.

    Args:
        logits: `[vocab]`.
        key: is not used.

    Returns:
        An id, int32.

    Example:
        >>> greedy(jnp.array([0.0, 2.0, 1.0]), jax.random.key(0))
        Array(1, dtype=int32)
    """
    del key
    return jnp.argmax(logits).astype(jnp.int32)


def sample(
    *,
    temperature: Number = 1.0,
    top_k: int | None = None,
    top_p: Number | None = None,
) -> Choose:
    r"""Draws from `softmax(logits / temperature)`, perhaps of the likeliest alone.

    As they stand (temperature 1, nothing left out), tokens are drawn from the model's
    own distribution, which distillation on a student's texts needs.

    Args:
        temperature: above 0; below 1 sharpens; `greedy` is its limit at 0.
        top_k: only the `k` likeliest may be drawn (equals of the last are in).
        top_p: only the fewest likeliest whose probabilities sum to `top_p` may be
            drawn, after `top_k` (Holtzman et al., arXiv:1904.09751).

    Returns:
        A function of `logits` `[vocab]` and a key.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> choose = sample(top_k=1)
        >>> choose(jnp.array([0.0, 2.0, 1.0]), jax.random.key(0))
        Array(1, dtype=int32)
    """
    above_zero(temperature=temperature)
    if top_k is not None:
        whole(top_k=top_k)
    if top_p is not None:
        above_zero(top_p=top_p)
        zero_to_one(top_p=top_p)

    def choose(logits: Array, key: Key) -> Array:
        logits = logits / temperature
        if top_k is not None and top_k < logits.size:
            least = jax.lax.top_k(logits, top_k)[0][-1]
            logits = jnp.where(logits >= least, logits, -jnp.inf)
        if top_p is not None:
            logits = _nucleus(logits, top_p)
        return jax.random.categorical(key, logits).astype(jnp.int32)

    return choose


def _nucleus(logits: Array, top_p: Number) -> Array:
    order = jnp.argsort(-logits)
    p = jax.nn.softmax(logits)[order]
    # a token stays where those before it have not reached top_p; the first always does
    stays = (jnp.cumsum(p) - p < top_p).at[0].set(True)
    keep = jnp.zeros(logits.shape, bool).at[order].set(stays)
    return jnp.where(keep, logits, -jnp.inf)
