"""Which row of a cache belongs to which token: document, offset, and what was read.

What a network says of a token depends on every token that it has read before. So beside
document and offset each row has 16 bits of a hash of the tokens from the beginning of
its segment: windows that are cut elsewhere, begin with another token or hold another
text do not find it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

_ODD, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_ENTRIES = ("inputs", "document", "offset")


class Keys(NamedTuple):
    """Of the real tokens of a batch, row by row: where each stands, and a hash.

    `place` is `[tokens, 2]`, the row of the batch and the step.
    """

    place: np.ndarray
    document: np.ndarray
    offset: np.ndarray
    context: np.ndarray


class Runs(NamedTuple):
    """Tokens of one document that follow each other, one line a run.

    `document`, the `first` offset, the `count` of tokens, the `row` of the first.
    """

    document: np.ndarray
    first: np.ndarray
    count: np.ndarray
    row: np.ndarray


def keys_of(batch: Mapping[str, Any]) -> Keys:
    """The keys of a batch's tokens that are not padding.

    Args:
        batch: `inputs`, `document` and `offset` `[batch, steps]`; `token_mask` and
            `segment` where it has them.

    Returns:
        One line for each token.

    Raises:
        ValueError: an entry is missing or of another shape.

    Example:
        >>> row = np.arange(3)[None]
        >>> keys_of({"inputs": row, "document": 0 * row, "offset": row}).offset
        array([0, 1, 2])
    """
    missing = [name for name in _ENTRIES if name not in batch]
    if missing:
        raise ValueError(
            f"a cache of tokens is keyed by {_ENTRIES}, [batch, steps] each; the batch "
            f"has no {missing[0]!r}; there are {sorted(batch)}"
        )
    inputs, document, offset = (np.asarray(batch[name]) for name in _ENTRIES)
    shape = inputs.shape
    if len(shape) != 2 or document.shape != shape or offset.shape != shape:
        raise ValueError(
            f"inputs, document and offset must be [batch, steps], got {shape}, "
            f"{document.shape} and {offset.shape}"
        )
    real = np.asarray(batch.get("token_mask", np.ones(shape))) != 0
    segment = np.asarray(batch.get("segment", np.ones(shape, np.int32)))
    context = _contexts(inputs, segment)
    place = np.argwhere(real)
    return Keys(place, document[real], offset[real], context[real])


def runs_of(keys: Keys) -> Runs:
    """The runs that tokens make, whose rows are in their order.

    Example:
        >>> row = np.array([[7, 8, 3]])
        >>> runs_of(keys_of({"inputs": row, "document": 0 * row, "offset": row})).count
        array([2, 1])
    """
    new = np.ones(len(keys.document), bool)
    new[1:] = (np.diff(keys.document) != 0) | (np.diff(keys.offset) != 1)
    row = np.flatnonzero(new)
    count = np.diff(row, append=len(new))
    return Runs(keys.document[row], keys.offset[row], count, row)


class Index(NamedTuple):
    """Runs of all shards, in the order of document and offset."""

    key: np.ndarray
    runs: Runs


def index_of(runs: Runs) -> Index:
    """An index of runs.

    Example:
        >>> two = Runs(*(np.array(x) for x in ([1, 0], [0, 5], [2, 2], [0, 2])))
        >>> index_of(two).runs.row
        array([2, 0])
    """
    key = _key(runs.document, runs.first)
    order = np.argsort(key, kind="stable")
    return Index(key[order], Runs(*(x[order] for x in runs)))


def find(index: Index, keys: Keys, context_at: Any) -> np.ndarray:
    """The row of each token.

    Where windows overlap, or each begins with the same token, several rows have one
    document and offset: the one that has read the same tokens is taken.

    Args:
        index: of all runs.
        keys: of a batch.
        context_at: rows to the hashes that they were written with.

    Returns:
        int64, one row for each token.

    Raises:
        ValueError: a token has no row, or none that has read the same tokens.
    """
    wanted = _key(keys.document, keys.offset)
    at = np.searchsorted(index.key, wanted, side="right") - 1
    rows = np.full(len(wanted), -1)
    seen = np.zeros(len(wanted), bool)
    left = np.flatnonzero(at >= 0)
    while left.size:
        run = at[left]
        same = index.runs.document[run] == keys.document[left]
        left, run = left[same], run[same]
        past = keys.offset[left] - index.runs.first[run]
        inside = past < index.runs.count[run]
        row = index.runs.row[run] + past
        seen[left[inside]] = True
        hit = inside.copy()
        hit[inside] = context_at(row[inside]) == keys.context[left[inside]]
        rows[left[hit]] = row[hit]
        left = left[~hit]
        at[left] -= 1
        left = left[at[left] >= 0]
    _refuse(rows, seen, keys)
    return rows


def _refuse(rows: np.ndarray, seen: np.ndarray, keys: Keys) -> None:
    lost = np.flatnonzero(rows < 0)
    if not lost.size:
        return
    token = lost[0]
    where = f"document {keys.document[token]}, offset {keys.offset[token]}"
    if seen[token]:
        raise ValueError(
            f"the cache was made of other windows: its row of {where} has read other "
            "tokens before it, or the text or the first token differs"
        )
    raise ValueError(f"the cache has no row of {where}: compute it again")


def _key(document: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return (document.astype(np.int64) << 32) + offset.astype(np.int64)


def _contexts(inputs: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """A hash of the tokens from the beginning of a segment to each, 16 bits.

    The sum of each token's number times a power of its position, so that many tokens
    are hashed at once.
    """
    steps = inputs.shape[1]
    begins = np.ones(inputs.shape, bool)
    begins[:, 1:] = np.diff(segment, axis=1) != 0
    start = np.maximum.accumulate(np.where(begins, np.arange(steps), 0), axis=1)
    powers = np.full(steps + 1, _ODD)
    powers[0] = 1
    powers = np.cumprod(powers)
    mixed = (inputs.astype(np.uint64) + np.uint64(1)) * _MIX
    mixed ^= mixed >> np.uint64(29)
    sums = np.cumsum(mixed * powers[np.arange(steps) - start], axis=1)
    before = np.pad(sums, ((0, 0), (1, 0)))[np.arange(len(inputs))[:, None], start]
    return ((sums - before) * _MIX >> np.uint64(48)).astype(np.uint16)
