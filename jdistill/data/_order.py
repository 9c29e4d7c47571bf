"""One order of the examples: the indices of a step are a function of the step."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import grain
import numpy as np

from jdistill.checks import whole
from jdistill.typing import Batch, Split


class IndexBatches(NamedTuple):
    """Index batches by step; the position in the data is the step and nothing else.

    * `window(start, stop)`: int32 `[stop - start, batch]`, many steps at once.
    * `dataset`: the same as a Grain `MapDataset`; `dataset[step]` is int32 `[batch]`.
    * `part(positions)`: the same order of these positions of every batch alone.
    * `size`: number of examples, `batch_size`: examples of a step.
    """

    window: Callable[[int, int], np.ndarray]
    dataset: grain.MapDataset
    part: Callable[[np.ndarray], "IndexBatches"]
    size: int
    batch_size: int


def index_batches(size: int, *, batch_size: int, seed: int) -> IndexBatches:
    """Batches of indices that visit every example once an epoch.

    Position `i` of the endless sequence is element `i mod size` of the permutation
    that `(seed, i div size)` gives; step `s` takes the positions `s * batch_size` to
    `(s + 1) * batch_size`. So every batch is full, a batch may hold the end of one
    epoch and the start of the next, and a batch larger than the data spans several.

    Args:
        size: number of examples.
        batch_size: examples of a step.
        seed: 0 to 2^64 - 1.

    Returns:
        The order, without end.

    Raises:
        ValueError: a number is out of range.

    Example:
        >>> order = index_batches(4, batch_size=2, seed=0)
        >>> sorted(order.window(0, 2).reshape(-1).tolist())
        [0, 1, 2, 3]
    """
    whole(size=size, batch_size=batch_size)
    whole(seed=seed, least=0, most=2**64 - 1)

    # Grain's own shuffle works element by element: about 18 us an example in Python, a
    # second for 60,000; and it seeds an epoch with seed + epoch, so that epoch 1 of
    # seed 0 is epoch 0 of seed 1. A permutation at a time has neither fault.
    @functools.lru_cache(maxsize=4)
    def permutation(epoch: int) -> np.ndarray:
        key = np.array([seed, epoch], np.uint64)
        bits = np.random.Philox(key=key)
        return np.random.Generator(bits).permutation(size).astype(np.int32)

    def window(start: int, stop: int) -> np.ndarray:
        first, last = start * batch_size, stop * batch_size
        epochs = range(first // size, -(-last // size))
        rows = [permutation(epoch) for epoch in epochs]
        whole = np.concatenate(rows) if rows else np.zeros(0, np.int32)
        offset = epochs.start * size
        return whole[first - offset : last - offset].reshape(-1, batch_size)

    return order_of(window, size, batch_size)


def stream(
    split: Split,
    order: IndexBatches,
    *,
    start: int = 0,
    stop: int | None = None,
    prefetch: int = 16,
    num_threads: int = 4,
) -> Iterator[Batch]:
    """Batches of a split in the given order, read ahead by threads.

    Args:
        split: where examples are taken from.
        order: which examples a step uses.
        start: the first step.
        stop: the step after the last; None goes on for ever.
        prefetch: batches that are read ahead.
        num_threads: threads that read.

    Returns:
        An iterator of one batch a step. It is Grain's: `get_state` and `set_state`
        move it, though a new one with another `start` is as good.

    Raises:
        ValueError: the order was made for another number of examples.

    Example:
        >>> from jdistill import data
        >>> split, order = data.digits().train, data.index_batches
        >>> order = order(split.size, batch_size=2, seed=0)
        >>> next(stream(split, order, start=7))['inputs'].shape
        (2, 8, 8, 1)
    """
    if order.size != split.size:
        raise ValueError(
            f"the order is for {order.size} examples, but the split has {split.size}"
        )
    steps = order.dataset[start:] if stop is None else order.dataset[start:stop]
    options = grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=prefetch)
    return iter(steps.map(split.take).to_iter_dataset(options))


class _Steps:
    """What Grain reads at random: element `step` is that step's indices."""

    def __init__(self, window):
        self._window = window

    def __len__(self):
        return 2**31 - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self._window(int(index), int(index) + 1)[0]

    def __repr__(self):
        return "IndexBatches"


def order_of(
    window: Callable[[int, int], np.ndarray], size: int, batch_size: int
) -> IndexBatches:
    """The order whose steps are those of a function of the step.

    Example:
        >>> order_of(lambda a, b: np.zeros((b - a, 2), np.int32), 1, 2).dataset[3]
        array([0, 0], dtype=int32)
    """

    def part(positions: np.ndarray) -> IndexBatches:
        rows = np.asarray(positions)
        if not rows.size or rows.min() < 0 or rows.max() >= batch_size:
            raise ValueError(
                f"positions must be some of 0 to {batch_size - 1}, got {rows.tolist()}"
            )
        return order_of(lambda a, b: window(a, b)[:, rows], size, len(rows))

    dataset = grain.MapDataset.source(_Steps(window))
    return IndexBatches(window, dataset, part, size, batch_size)
