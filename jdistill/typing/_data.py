"""Examples by index."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from jdistill.typing._short import classes_of, entries
from jdistill.typing._text import Tokenizer
from jdistill.typing._values import Batch


class Order(Protocol):
    """An order of a split's own, as `data.index_batches` gives one."""

    def __call__(self, *, batch_size: int, seed: int) -> Any:
        """The `IndexBatches` of this size and seed."""
        ...


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
    order: Order | None = None

    def __repr__(self) -> str:
        about = [f"{self.size:,} examples", classes_of(self.classes)]
        what = entries(self.arrays) if self.arrays else "read as they are asked for"
        return f"Split({', '.join([*about, what])})"


class DataSet(NamedTuple):
    """Splits that share their preparation.

    `train` trains, `valid` picks the best checkpoint, `test` is only reported.
    `prepare` turns raw examples (texts, images) into `inputs` for prediction, and
    `info` holds what rows record about the data (counts, versions, the fold);
    `tokenizer` is that of a preparation which has one, for a packed file.
    """

    train: Split
    valid: Split
    test: Split
    prepare: Callable[[Any], Batch]
    info: Mapping[str, Any] = {}
    tokenizer: Tokenizer | None = None

    def __repr__(self) -> str:
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        sizes = (f"{n} {x.size:,}" for n, x in parts.items() if isinstance(x, Split))
        rest = repr(self.train).partition("examples, ")[2] or ")"
        return f"DataSet({', '.join(sizes)}; {rest}"
