"""Rows of a batch that count, at the operands of products."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from jdistill.ops._op import Op, dims_of


def rows(batch: Mapping[str, Any]) -> Any:
    """Which rows of a batch count: its examples, or their tokens.

    Args:
        batch: with `mask` [batch] or `token_mask` [batch, steps], if it is padded. Of
            one with `source` all tokens of an example count: its products read tokens
            of both sides, which no shape tells apart.

    Returns:
        1 for what counts and 0 for padding, `[batch, steps]` or `[batch]`; None where
        all of the batch counts.

    Example:
        >>> rows({'mask': jnp.array([1, 0]), 'token_mask': jnp.array([[1, 0], [1, 1]])})
        Array([[1, 0],
               [0, 0]], dtype=int32)
    """
    examples, tokens = batch.get("mask"), batch.get("token_mask")
    if batch.get("source") is not None:
        return examples
    if tokens is None or examples is None:
        return tokens if examples is None else examples
    return jnp.asarray(tokens) * jnp.asarray(examples)[:, None]


def counted(op: Op, side: int, x: Array, rows: Any) -> Array:
    """Which entries along the free dimensions of an operand count.

    They are found by their lengths: an operand begins with examples and steps, with
    both in one dimension, or with examples alone, of which one counts that has a token.
    Where only examples are known, what is in one dimension with them counts as they do.

    Returns:
        Booleans that broadcast to `x`.

    Raises:
        ValueError: the free dimensions of the operand do not begin with those of rows.
    """
    rows = jnp.asarray(rows) > 0
    free = dims_of(op, side).free
    lengths = tuple(x.shape[d] for d in free)
    if lengths[: rows.ndim] == rows.shape:
        pass
    elif lengths[:1] == (rows.size,):
        rows = rows.reshape(-1)
    elif lengths[:1] == rows.shape[:1]:
        rows = jnp.any(rows, axis=tuple(range(1, rows.ndim)))
    elif rows.ndim == 1 and rows.size and lengths and lengths[0] % rows.size == 0:
        rows = jnp.repeat(rows, lengths[0] // len(rows))
    else:
        raise ValueError(
            f"{op.key!r} reads rows of shape {lengths} and the padding has shape "
            f"{rows.shape}: leave padded examples out of the batch, or this product "
            "out with where="
        )
    shape = [1] * x.ndim
    for dim, length in zip(free, rows.shape, strict=False):
        shape[dim] = length
    return rows.reshape(shape)


def num_counted(op: Op, side: int, x: Array, counts: Array) -> Array:
    """How many rows along the free dimensions count."""
    lengths = [n if d in dims_of(op, side).free else 1 for d, n in enumerate(x.shape)]
    return jnp.sum(jnp.broadcast_to(counts, lengths), dtype=jnp.float32)
