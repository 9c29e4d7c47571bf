"""Examples by index."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jdistill.typing._values import Batch


class Split(NamedTuple):
    """One part of a data set, readable by index in any order.

    * `take(indices) -> Batch`: host arrays of these examples, with `id`, without
      `mask`.
    * `arrays`: the whole split where it fits in memory (the on-device path gathers
      from it), else None.
    * `classes`: the names of the labels, in order.
    * `order(*, batch_size, seed)`: an order of its own, such as one with a share of
      labelled examples in every batch; None for permutations.
    """

    size: int
    take: Callable[[Any], Batch]
    arrays: Batch | None
    classes: tuple[str, ...]
    order: Callable[..., Any] | None = None


class DataSet(NamedTuple):
    """Splits that share their preparation.

    `train` trains, `valid` picks the best checkpoint, `test` is only reported.
    `prepare` turns raw examples (texts, images) into `inputs` for prediction, and
    `info` holds what rows record about the data (counts, versions, the fold).
    """

    train: Split
    valid: Split
    test: Split
    prepare: Callable[[Any], Batch]
    info: Mapping[str, Any] = {}
