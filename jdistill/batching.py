"""Examples in batches: every one of a split once, in order.

It stands below `data`, so that what reads batches takes a split as well.
"""

from collections.abc import Iterable, Iterator

import jax
import numpy as np

from jdistill import kinds
from jdistill.checks import MOST, whole
from jdistill.typing import Batch, Split

BATCH = 256
"""Examples of a batch of `batched`, where the split has as many."""


class EvalBatches:
    """The batches of a split, as often as one asks for them.

    Padding repeats the last example with `mask` 0: values a model has no trouble with,
    and whatever is stored by `id` is stored twice alike.
    """

    def __init__(self, split: Split, batch_size: int):
        """Reads nothing yet."""
        self._split = split
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-self._split.size // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        start = index * self._batch_size
        stop = start + self._batch_size
        size, arrays = self._split.size, self._split.arrays
        mask = (np.arange(start, stop) < size).astype(np.float32)
        if arrays is not None and stop <= size:
            batch = jax.tree.map(lambda x: x[start:stop], arrays)
        else:
            batch = self._split.take(np.minimum(np.arange(start, stop), size - 1))
        return {**batch, "mask": mask}


def eval_batches(split: Split, *, batch_size: int) -> EvalBatches:
    """Every example of a split once, the last batch padded.

    Args:
        split: what to read.
        batch_size: examples of a batch, padding included.

    Returns:
        A sequence of batches with `mask` float32 `[batch]`, 0 for padding. Full
        batches of a split in memory are views, not copies.

    Raises:
        ValueError: the batch size is not positive.

    Example:
        >>> from jdistill import data
        >>> split = data.digits().test
        >>> batches = eval_batches(split, batch_size=64)
        >>> sum(b['mask'].sum() for b in batches) == split.size
        np.True_
    """
    kinds.split(split=split)
    whole(batch_size=batch_size, most=MOST)
    return EvalBatches(split, batch_size)


def batched(batches: Iterable[Batch] | Split) -> Iterable[Batch]:
    """The batches that are given, or those of a split.

    Args:
        batches: arrays by name, or a split, which is read in batches of 256.

    Returns:
        What gives the batches one by one.

    Raises:
        TypeError: something was mistaken for batches, such as a whole data set, or for
            one of them.

    Example:
        >>> from jdistill import data
        >>> [len(batch['label']) for batch in batched(data.digits().test)]
        [256, 256]
    """
    kinds.batches(batches=batches)
    if isinstance(batches, Split):
        return EvalBatches(batches, max(1, min(batches.size, BATCH)))
    return _checked(batches)


def at_hand(split: Split) -> Batch:
    """The arrays of a split, or of its first 256 examples where it is not in memory.

    Args:
        split: what to read.

    Returns:
        Arrays by name, as `take` gives them.

    Example:
        >>> from jdistill import data
        >>> len(at_hand(data.digits().test)['label'])
        324
    """
    if split.arrays is not None:
        return split.arrays
    return split.take(np.arange(min(split.size, BATCH)))


def _checked(batches: Iterable[Batch]) -> Iterator[Batch]:
    for number, batch in enumerate(batches):
        kinds.batch(**{f"batches[{number}]": batch})
        yield batch
