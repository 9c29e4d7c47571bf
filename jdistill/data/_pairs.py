"""Texts and what they are written about, for networks that read and then write."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jdistill.checks import whole
from jdistill.data._splits import gather
from jdistill.typing import Split

MOST_STEPS = 2**24


def pairs(
    sources: Sequence[Any],
    targets: Sequence[Any],
    *,
    start: int = 0,
    end: int | None = None,
    source_steps: int | None = None,
    steps: int | None = None,
) -> Split:
    """Pairs of a source and the text that is written about it, one a row.

    A row's `inputs` are `start` and the text but for its last id, and its `label` the
    text, so that each input has the id after it as its label. Nothing is cut off.

    Args:
        sources: ids of each source, such as `tokenizer.encode_many(texts)`.
        targets: ids of each text.
        start: the id before each text, `config.start` of an encoder-decoder.
        end: the id put behind each source and each text, such as
            `tokenizer.special['eos']`, which T5 puts there; None where the ids end so
            already.
        source_steps: length of the rows of sources, by default that of the longest.
        steps: length of the rows of texts, by default that of the longest.

    Returns:
        A split of rows: `source`, `source_mask`, `inputs`, `label`, `token_mask`,
        `label_mask` and `id`; 0 stands behind what is shorter.

    Raises:
        ValueError: there are no pairs, or not as many texts as sources; one is empty
            or longer than the rows; an id is negative.
        TypeError: ids are not whole numbers in one row.

    References:
        Raffel et al., Exploring the limits of transfer learning with a unified
        text-to-text transformer, JMLR 2020 (arXiv:1910.10683).

    Example:
        >>> split = pairs([[7, 8, 9], [5]], [[9, 8], [5, 6, 5]], end=1)
        >>> batch = split.take([0])
        >>> batch['source'].tolist(), batch['inputs'].tolist(), batch['label'].tolist()
        ([[7, 8, 9, 1]], [[0, 9, 8, 0]], [[9, 8, 1, 0]])
        >>> batch['label_mask'].tolist()
        [[1.0, 1.0, 1.0, 0.0]]
    """
    for name, several in (("sources", sources), ("targets", targets)):
        if isinstance(several, str | bytes) or not hasattr(several, "__len__"):
            raise TypeError(f"{name} must be several lists of ids, got {several!r}")
    _check_ids(start=start, end=end)
    if len(sources) != len(targets) or not len(sources):
        raise ValueError(
            f"pairs are as many sources as texts and one at least, got {len(sources)} "
            f"and {len(targets)}"
        )
    room = {"source_steps": source_steps, "steps": steps}
    whole(**{n: x for n, x in room.items() if x is not None}, most=MOST_STEPS)
    source, source_mask = _rows("source", sources, end, source_steps)
    label, mask = _rows("text", targets, end, steps)
    before = np.full((len(label), 1), start, np.int32)
    inputs = np.concatenate([before, label[:, :-1]], axis=1)
    arrays = {
        "source": source,
        "source_mask": source_mask,
        "inputs": np.where(mask > 0, inputs, 0),
        "label": label,
        "token_mask": mask,
        "label_mask": mask,
        "id": np.arange(len(label), dtype=np.int32),
    }
    return Split(len(label), lambda indices: gather(arrays, indices), arrays, ())


def _check_ids(**ids: Any) -> None:
    given = {name: number for name, number in ids.items() if number is not None}
    whole(**given, least=0, most=2**31 - 1)


def _rows(
    what: str, texts: Sequence[Any], end: int | None, steps: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Ids side by side, 0 behind them, and which are real."""
    rows = [_ids(f"{what} {i}", ids, end) for i, ids in enumerate(texts)]
    longest = max(row.size for row in rows)
    width = longest if steps is None else steps
    if longest > width:
        i = next(i for i, row in enumerate(rows) if row.size > width)
        raise ValueError(f"{what} {i} has {rows[i].size} ids, and a row {width}")
    ids, mask = np.zeros((len(rows), width), np.int32), np.zeros((len(rows), width))
    for i, row in enumerate(rows):
        ids[i, : row.size], mask[i, : row.size] = row, 1
    return ids, mask.astype(np.float32)


def _ids(name: str, ids: Any, end: int | None) -> np.ndarray:
    row = np.asarray(ids)
    if row.ndim != 1 or (row.size and not np.issubdtype(row.dtype, np.integer)):
        raise TypeError(f"{name} must be whole numbers in one row, got {row.dtype}")
    if end is not None:
        row = np.append(row, end)
    if not row.size:
        raise ValueError(f"{name} has no id")
    if row.min() < 0:
        raise ValueError(f"{name} has the id {row.min()}; ids are 0 or more")
    return row.astype(np.int32)
