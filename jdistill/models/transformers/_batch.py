"""What a network of tokens reads of a batch: ids, and where each one stands."""

from typing import Any

import jax.numpy as jnp

from jdistill.models.transformers._attention import positions_of
from jdistill.typing import Array, Batch


def ids_of(batch: Batch, what: str) -> Array:
    """The ids, 0 where a token is padding, whatever stands there.

    Args:
        batch: with `inputs` and perhaps `token_mask`.
        what: the network, for the message.

    Raises:
        ValueError: the inputs are not `[batch, steps]`.

    Example:
        >>> ids_of({'inputs': [[7, -100]], 'token_mask': [[1, 0]]}, 'a decoder')
        Array([[7, 0]], dtype=int32)
    """
    tokens = jnp.asarray(batch["inputs"])
    if tokens.ndim != 2:
        raise ValueError(f"{what} takes ids [batch, steps], got {tokens.shape}")
    mask = batch.get("token_mask")
    return tokens if mask is None else jnp.where(jnp.asarray(mask) > 0, tokens, 0)


def fits(batch: Batch, most: int) -> None:
    """Refuses rows of one text that has more tokens than the model has positions.

    Args:
        batch: with `inputs`.
        most: positions of the model.

    Raises:
        ValueError: with both numbers.

    Example:
        >>> fits({'inputs': jnp.zeros((1, 9))}, 8)
        Traceback (most recent call last):
        ValueError: rows of 9 tokens are longer than the 8 positions of the model
    """
    steps = jnp.shape(batch["inputs"])[1]
    alone = batch.get("segment") is None and batch.get("position") is None
    if alone and steps > most:
        raise ValueError(
            f"rows of {steps} tokens are longer than the {most} positions of the model"
        )


def order_of(batch: Batch) -> Array:
    """The place of each token in its row, `[batch, steps]`.

    Args:
        batch: with `inputs`.

    Example:
        >>> order_of({'inputs': jnp.zeros((1, 3))})
        Array([[0, 1, 2]], dtype=int32)
    """
    shape: Any = jnp.shape(batch["inputs"])
    return jnp.broadcast_to(jnp.arange(shape[1], dtype=jnp.int32)[None], shape)


def position_of(batch: Batch) -> Array:
    """What is given, else the place in its text, among the real tokens of a row.

    Args:
        batch: with `inputs` and perhaps `position`, `segment` or `token_mask`.

    Example:
        >>> position_of({'inputs': jnp.zeros((1, 3)), 'token_mask': [[0, 1, 1]]})
        Array([[0, 0, 1]], dtype=int32)
    """
    if batch.get("position") is not None:
        return jnp.asarray(batch["position"])
    if batch.get("segment") is not None:
        return positions_of(jnp.asarray(batch["segment"]))
    if batch.get("token_mask") is None:
        return order_of(batch)
    real = jnp.asarray(batch["token_mask"]) > 0
    return jnp.maximum(jnp.cumsum(real, axis=1, dtype=jnp.int32) - 1, 0)
