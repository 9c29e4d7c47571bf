"""Padded examples and tokens, kept out of the statistics of a batch."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jdistill.typing import Batch, Tree


def real_positions(
    shape: tuple[int, ...], batch: Batch, *, at: str
) -> Bool[Array, "..."] | None:
    """Which positions of an array are neither padded examples nor padded tokens.

    Args:
        shape: the array's shape, `[batch, ...]` or `[batch, steps, ...]`.
        batch: its `mask` and `token_mask` are read, where it has them.
        at: where the array is, for the message.

    Returns:
        True where the example (and, where the shape has its steps, the token) is real,
        broadcastable to the shape; None for a batch without masks. Where a whole batch
        is padding everything counts, so that a mean over it is finite.

    Raises:
        ValueError: the first axis is not the batch.

    Example:
        >>> real_positions((2, 3), {'mask': jnp.array([1, 0])}, at='norm')
        Array([[ True],
               [False]], dtype=bool)
    """
    masks = []
    if batch.get("token_mask") is not None and len(shape) > 2:
        masks += [jnp.asarray(batch["token_mask"])]
        masks = [m for m in masks if m.shape == shape[:2]]
    if batch.get("mask") is not None:
        masks += [jnp.asarray(batch["mask"])]
    if not masks:
        return None
    for mask in masks:
        if mask.shape[:1] != shape[:1]:
            raise ValueError(
                f"the batch statistics of {at!r} are taken over an array of shape "
                f"{shape}, whose first axis is not the batch of {len(mask)}; pass "
                "mask= to that layer in the model itself"
            )
    aligned = [
        m.astype(bool).reshape(m.shape + (1,) * (len(shape) - m.ndim)) for m in masks
    ]
    real = aligned[0] if len(aligned) == 1 else aligned[0] & aligned[1]
    return real | ~jnp.any(real)


def keep_if_padding(new: Tree, old: Tree, batch: Batch) -> Tree:
    """The new state, or the old one where every example of the batch is padding.

    Example:
        >>> keep_if_padding(5, 3, {'mask': jnp.zeros(2)}).item()
        3
    """
    if batch.get("mask") is None:
        return new
    some = jnp.any(jnp.asarray(batch["mask"]).astype(bool))
    return jax.tree.map(lambda n, o: jnp.where(some, n, o), new, old)
