"""Attention with shared keys and values, and who may look at whom."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.typing import Array

PARTS, ROWS = 4, 64
"""How many parts causal queries are cut into at most, how many queries a part has at
least. Each part has scores of the keys up to its end: four parts spare 3/8 of all."""


def positions_of(segment: Array) -> Array:
    """Positions that begin at 0 in each run of equal numbers along a row.

    Args:
        segment: `[batch, steps]`.

    Returns:
        `[batch, steps]`, int32.

    Example:
        >>> positions_of(jnp.array([[1, 1, 2, 2, 2, 0]]))
        Array([[0, 1, 0, 1, 2, 0]], dtype=int32)
    """
    steps = jnp.arange(segment.shape[1], dtype=jnp.int32)[None]
    begins = jnp.pad(segment[:, 1:] != segment[:, :-1], ((0, 0), (1, 0)))
    return steps - jax.lax.cummax(jnp.where(begins, steps, 0), axis=1)


def seen(query_segment: Any, key_segment: Any, valid: Any) -> Any:
    """Which keys a query may look at, wherever they stand; None for all.

    Args:
        query_segment: numbers of the queries' texts `[batch, steps]`, None where a row
            is one text.
        key_segment: those of the keys, `[batch, keys]`.
        valid: 0 where a key is padding, `[batch, keys]`; None for none.

    Returns:
        `[batch, steps or 1, keys]`, booleans.

    Example:
        >>> seen(None, None, jnp.array([[1, 1, 0]]))
        Array([[[ True,  True, False]]], dtype=bool)
    """
    real = None if valid is None else jnp.asarray(valid)[:, None, :] > 0
    if query_segment is None:
        return real
    same = query_segment[:, :, None] == key_segment[:, None, :]
    return same if real is None else same & real


def distances(
    query: Array, key: Array, query_segment: Any, key_segment: Any, valid: Any
) -> Array:
    """How far each key lies behind each query; negative where it may not be seen.

    Args:
        query: positions of the queries, `[batch, steps]`.
        key: positions of the keys, `[batch, keys]`.
        query_segment: numbers of the queries' texts, None where a row is one text.
        key_segment: those of the keys.
        valid: 0 where a key is padding, `[batch, keys]`; None for none.

    Returns:
        `[batch, steps, keys]`, int32.

    Example:
        >>> at = jnp.arange(3)[None]
        >>> distances(at, at, None, None, jnp.array([[1, 1, 0]]))[0]
        Array([[ 0, -1, -1],
               [ 1,  0, -1],
               [ 2,  1, -1]], dtype=int32)
    """
    behind = query[:, :, None] - key[:, None, :]
    visible = seen(query_segment, key_segment, valid)
    if visible is not None:
        behind = jnp.where(visible, behind, -1)
    return behind.astype(jnp.int32)


def rotate(x: Array, angle: Array) -> Array:
    r"""Turns pairs `(x_i, x_{i + half})` of each head by an angle.

    Args:
        x: `[batch, steps, heads, head_dim]`.
        angle: `[batch, steps, rotary_dim / 2]`; what lies behind `rotary_dim` stays.

    Returns:
        The same shape.

    References:
        Su et al., RoFormer, arXiv:2104.09864, in the form that splits a head in halves.

    Example:
        >>> rotate(jnp.array([[[[1.0, 0.0]]]]), jnp.array([[[jnp.pi / 2]]])).round(3)
        Array([[[[-0.,  1.]]]], dtype=float32)
    """
    half = angle.shape[-1]
    if not half:
        return x
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    cos, sin = (f(angle)[:, :, None].astype(wide.dtype) for f in (jnp.cos, jnp.sin))
    a, b = wide[..., :half], wide[..., half : 2 * half]
    turned = [a * cos - b * sin, b * cos + a * sin, wide[..., 2 * half :]]
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)


def attend(
    query: Array,
    key: Array,
    value: Array,
    *,
    mask: Any,
    scale: float,
    cap: float | None = None,
    bias: Any = None,
    causal: bool = False,
) -> Array:
    r"""`softmax(cap(scale q k^T) + bias) v`, scores and softmax in float32 at least.

    Args:
        query: `[batch, steps, heads, head_dim]`.
        key: `[batch, keys, kv_heads, head_dim]`; each serves `heads / kv_heads` queries
            and is not repeated.
        value: the same shape.
        mask: `[batch, steps, keys]`, True where a key is seen; None for everywhere.
        scale: factor of the scores.
        cap: `c` of `c tanh(score / c)`.
        bias: added to the scores, `[batch or 1, heads, steps, keys]`.
        causal: whether `mask` hides all keys that stand after a query's own place, so
            that most of them need no scores; then there are as many keys as steps.

    Returns:
        `[batch, steps, heads, head_dim]`. A query that sees no key gets the mean of all
        values, or of those up to the end of its part where `causal` makes parts.

    Example:
        >>> one = jnp.ones((1, 1, 1, 2))
        >>> attend(one, one, 3 * one, mask=None, scale=1.0)
        Array([[[[3., 3.]]]], dtype=float32)
    """
    steps = query.shape[1]
    parts = max(1, min(PARTS, steps // ROWS)) if causal else 1
    ends = [steps * (part + 1) // parts for part in range(parts)]
    mixed = [
        _mixed(
            query[:, begin:end],
            key[:, :end] if causal else key,
            value[:, :end] if causal else value,
            mask=mask[:, begin:end, :end] if causal else mask,
            scale=scale,
            cap=cap,
            bias=bias[..., begin:end, :end] if causal and bias is not None else bias,
        )
        for begin, end in zip([0, *ends], ends, strict=False)
    ]
    return jnp.concatenate(mixed, axis=1) if parts > 1 else mixed[0]


def _mixed(query, key, value, *, mask, scale, cap, bias) -> Array:
    """The values of some queries, mixed by their scores."""
    batch, steps, heads, head_dim = query.shape
    shared = heads // key.shape[2]
    wide = jnp.promote_types(query.dtype, jnp.float32)
    grouped = query.reshape(batch, steps, key.shape[2], shared, head_dim)
    # heads before steps in all factors: products of one matrix after the other
    grouped = grouped.transpose(0, 2, 3, 1, 4)
    scores = scale * jnp.einsum(
        "bkgtd,bkds->bkgts",
        grouped,
        key.transpose(0, 2, 3, 1),
        preferred_element_type=wide,
    )
    if cap is not None:
        scores = cap * jnp.tanh(scores / cap)
    if bias is not None:
        scores = scores + bias.reshape(-1, *scores.shape[1:3], *bias.shape[-2:])
    if mask is not None:
        lowest = jnp.finfo(wide).min / 2
        scores = jnp.where(mask[:, None, None], scores, lowest)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    mixed = jnp.einsum("bkgts,bksd->bkgtd", weights, value.transpose(0, 2, 1, 3))
    return mixed.transpose(0, 3, 1, 2, 4).reshape(batch, steps, heads, head_dim)
