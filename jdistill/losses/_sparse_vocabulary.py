"""Losses against some classes, from hidden states: no logits of all tokens at once.

Tokens are worked off in chunks whose logits are made, compared and dropped, and made
again for the gradient: of `[tokens, vocab]` no more than one chunk is ever there.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero
from jdistill.losses._checks import arrays
from jdistill.losses._sparse import cross_entropy_of, fitting, kl_of, outcomes
from jdistill.typing import Number, SparseTarget


def sparse_vocabulary_kl(
    hidden: Float[Array, "*batch dim"],
    target: SparseTarget,
    *,
    head: Float[Array, "dim vocab"],
    temperature: Number | int = 1.0,
    cap: Number | None = None,
    valid: int | None = None,
    chunk: int = 256,
) -> Float[Array, "*batch"]:
    r"""`sparse_kl` of the logits that a head makes of hidden states, chunk by chunk.

    .. math:: L = T^2 \left( \sum_{c \in K} p_c (\log p_c - \log q_c) + p_r (\log p_r -
        \log q_r) \right), \quad q = softmax(z / T), \quad z = c \tanh(h W / c)

    Args:
        hidden: the student's hidden states h.
        target: log p of the classes K and of the tail, taken at the temperature T.
        head: W; its gradient is summed over the chunks in float32.
        temperature: T, above 0; that of the target.
        cap: c of a head with a soft cap; None for z = h W.
        valid: how many of the vocabulary's ids are real, where it is padded behind
            them; None for all.
        chunk: tokens whose logits are there at once; memory grows with it, and below
            some hundred so does time.

    Returns:
        float32, in nats times T squared.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.

    References:
        Anshumann et al., Sparse logit sampling: accelerating knowledge distillation in
        LLMs, ACL 2025 (arXiv:2503.16870). Chunks with recomputation: Hsu et al., Liger
        kernel: efficient triton kernels for LLM training, 2024 (arXiv:2410.10989).

    Example:
        >>> target = SparseTarget(jnp.array([[2]]), jnp.log(jnp.array([[0.75]])),
        ...                 jnp.log(jnp.array([0.25])))
        >>> head = jnp.ones((3, 4))
        >>> sparse_vocabulary_kl(jnp.ones((1, 3)), target, head=head).round(4)
        Array([0.5493], dtype=float32)
    """
    above_zero(temperature=temperature)

    def values(logits, target):
        return kl_of(target, outcomes(logits, target, temperature))

    make = _logits_of(hidden, head, cap, valid)
    return temperature**2 * in_chunks(values, make, hidden, target, head, chunk)


def sparse_vocabulary_soft_cross_entropy(
    hidden: Float[Array, "*batch dim"],
    target: SparseTarget,
    *,
    head: Float[Array, "dim vocab"],
    temperature: Number | int = 1.0,
    cap: Number | None = None,
    valid: int | None = None,
    chunk: int = 256,
) -> Float[Array, "*batch"]:
    r"""`sparse_soft_cross_entropy` of a head's logits, chunk by chunk.

    .. math:: L = -T^2 \left( \sum_{c \in K} p_c \log q_c + p_r \log q_r \right), \quad
        q = softmax(z / T), \quad z = c \tanh(h W / c)

    Args:
        hidden: the student's hidden states h.
        target: log p of the classes K and of the tail, taken at the temperature T.
        head: W; its gradient is summed over the chunks in float32.
        temperature: T, above 0; that of the target.
        cap: c of a head with a soft cap; None for z = h W.
        valid: how many of the vocabulary's ids are real, where it is padded behind
            them; None for all.
        chunk: tokens whose logits are there at once.

    Returns:
        float32, in nats times T squared.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.

    References:
        As `sparse_vocabulary_kl`.

    Example:
        >>> one = SparseTarget(jnp.array([[2]]), jnp.zeros((1, 1)))
        >>> head = jnp.ones((3, 4))
        >>> sparse_vocabulary_soft_cross_entropy(jnp.ones((1, 3)), one, head=head)
        Array([1.3862944], dtype=float32)
    """
    above_zero(temperature=temperature)

    def values(logits, target):
        return cross_entropy_of(target, outcomes(logits, target, temperature))

    make = _logits_of(hidden, head, cap, valid)
    return temperature**2 * in_chunks(values, make, hidden, target, head, chunk)


def in_chunks(
    values: Callable[[Array, SparseTarget], Array],
    logits_of: Callable[[Any, Any], Array],
    hidden: Any,
    target: SparseTarget,
    head: Any,
    chunk: int,
) -> Array:
    """One value a token, `values(logits_of(hidden, head), target)` of chunk tokens."""
    fitting(target, hidden)
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1 token, got {chunk}")
    batch = hidden.shape[:-1]
    tokens = hidden.size // hidden.shape[-1]
    chunk = max(min(chunk, tokens), 1)
    rows = -(-tokens // chunk)

    def parts(x):
        flat = x.reshape(tokens, *x.shape[len(batch) :])
        more = [(0, rows * chunk - tokens)] + [(0, 0)] * (flat.ndim - 1)
        return jnp.pad(flat, more).reshape(rows, chunk, *flat.shape[1:])

    # a gradient summed in the type of a head of 16 bits would lose what is small
    wide = head.astype(jnp.float32)

    @jax.checkpoint
    def one(wide, hidden, target):
        return values(logits_of(hidden, wide), target)

    def body(_, part):
        return None, one(wide, *part)

    _, found = jax.lax.scan(body, None, jax.tree.map(parts, (hidden, target)))
    return found.reshape(-1)[:tokens].reshape(batch)


def _logits_of(hidden, head, cap, valid) -> Callable[[Any, Any], Array]:
    arrays(hidden=hidden, head=head)
    vocab = head.shape[-1]
    if head.ndim != 2 or head.shape[0] != hidden.shape[-1]:
        raise ValueError(
            f"hidden states have shape {hidden.shape}, the head {head.shape}: it must "
            f"be [dim, vocab] with dim {hidden.shape[-1]}"
        )
    if valid is not None and not 0 < valid <= vocab:
        raise ValueError(f"valid must be 1 to {vocab}, the head's ids, got {valid}")
    if cap is not None:
        above_zero(cap=cap)
    kind = jnp.result_type(hidden, head)

    def logits_of(hidden, wide):
        w = wide[:, :valid].astype(kind)
        z = jnp.dot(hidden.astype(kind), w, preferred_element_type=jnp.float32)
        return z if cap is None else cap * jnp.tanh(z / cap)

    return logits_of
