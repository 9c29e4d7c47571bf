"""Arguments of a loss that come from the batch: labels, masks, whatever it holds."""

from typing import Any

import jax.numpy as jnp

from jdistill.counting import weights_of
from jdistill.objective._sources import Source
from jdistill.typing import Batch


def entry(key: str) -> Source:
    """An entry of the batch as it is, such as 'id'.

    Args:
        key: the entry's name.

    Returns:
        An argument of `term`; it raises ValueError where the batch has none.

    Example:
        >>> from jdistill.objective._sources import Context
        >>> entry('id').read(Context({}, {'id': jnp.array([7])}, jnp.ones(1)), ())
        Array([7], dtype=int32)
    """
    return Source(lambda context, _: jnp.asarray(_of_batch(context.batch, key)))


def labels() -> Source:
    """The labels, 0 where they do not count; the term counts what has one.

    Returns:
        An argument of `term`.

    Example:
        >>> from jdistill.objective._sources import Context
        >>> batch = {'label': jnp.array([2, 3])}
        >>> labels().read(Context({}, batch, jnp.array([1.0, 0.0])), ())
        Array([2, 0], dtype=int32)
    """

    def read(context, learned):
        del learned
        return context.kept(_of_batch(context.batch, "label"))

    return Source(read, labeled=True)


def example_mask() -> Source:
    """The weight of each example `[batch]`, 0 for padding.

    Returns:
        An argument of `term`, for losses that relate the rows of a batch.

    Example:
        >>> from jdistill.objective._sources import Context
        >>> example_mask().read(Context({}, {'id': jnp.arange(2)}, jnp.ones(2)), ())
        Array([1., 1.], dtype=float32)
    """
    return Source(lambda context, _: weights_of(context.batch, per="example"))


def token_mask() -> Source:
    """The weight of each token `[batch, steps]`, None where a batch has no such mask.

    Returns:
        An argument of `term`, for losses that relate the tokens of an example.

    Example:
        >>> from jdistill.objective._sources import Context
        >>> batch = {'token_mask': jnp.array([[1, 0]])}
        >>> token_mask().read(Context({}, batch, jnp.ones(1)), ())
        Array([[1., 0.]], dtype=float32)
    """

    def read(context, learned):
        del learned
        there = "token_mask" in context.batch
        return weights_of(context.batch, per="token") if there else None

    return Source(read)


def _of_batch(batch: Batch, name: str) -> Any:
    if name not in batch:
        raise ValueError(f"no {name!r} in the batch; there are {sorted(batch)}")
    return batch[name]
