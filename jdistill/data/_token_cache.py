"""Reading a cache of tokens: its rows joined to the batches of a split."""

import functools
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jdistill.data._cache import fingerprint
from jdistill.data._token_about import (
    About,
    about_of,
    digest,
    form_in,
    path_of,
    refuse_other,
    shards_of,
)
from jdistill.data._token_keys import Index, Keys, Runs, find, index_of, keys_of
from jdistill.data._token_rows import Form, Starts, read_rows, starts_of
from jdistill.data._token_shard import Columns, columns_of, read_shard
from jdistill.typing import Batch, Outputs, SparseTarget, Split

OPEN = 256
"""How many shards may be open at once."""


class TokenCache(NamedTuple):
    """Some classes of a teacher's distribution for every token of a text.

    * `rows(batch) -> SparseTarget`: those of a batch's tokens, `[batch, steps, k]`;
      padding has none.
    * `about`: what it is of.
    * `size`: of how many tokens, in `num_bytes` of files.
    * `mass`: what the classes kept have of the distribution on average; `floor`: the
      mean of -log of it, in nats. Both None where they were drawn.
    * `missing`: numbers of shards that are not there yet.
    """

    rows: Callable[[Batch], SparseTarget]
    about: About
    size: int
    num_bytes: int
    mass: float | None
    floor: float | None
    missing: tuple[int, ...]


def open_tokens(folder: str | os.PathLike[str]) -> TokenCache:
    """A cache that `cache_tokens` wrote; every byte is checked, and stays in its file.

    Args:
        folder: of the cache.

    Returns:
        The cache; also one that is not complete, which says what it lacks.

    Raises:
        ValueError: there is none, or a shard is damaged or of another cache.

    Example:
        >>> open_tokens('/nowhere')
        Traceback (most recent call last):
        ValueError: no cache of tokens at /nowhere
    """
    folder = pathlib.Path(folder)
    about = about_of(folder)
    numbers = range(shards_of(about))
    there = [n for n in numbers if path_of(folder, n).exists()]
    parts = [_part(path_of(folder, n), about) for n in there]
    store = _Store.of(parts, form_in(about))
    size = int(store.begins[-1])
    sums = [
        sum(part.note.get(name, 0.0) for part in parts) for name in ("mass", "floor")
    ]
    tail = form_in(about).tail and size > 0
    return TokenCache(
        store.rows,
        about,
        size,
        sum(part.path.stat().st_size for part in parts),
        sums[0] / size if tail else None,
        sums[1] / size if tail else None,
        tuple(sorted(set(numbers) - set(there))),
    )


def cached_tokens(
    split: Split,
    cache: TokenCache,
    *,
    variables: Any,
    tokenizer: str,
    bos: str,
    temperature: float = 1.0,
    network: str = "teacher",
) -> Split:
    """The split with a teacher's classes from a cache in every batch.

    They are read as batches are, so the split has no `arrays`. Windows may come in any
    order, and packed otherwise, as long as each token has the same tokens before it.

    Args:
        split: windows of tokens, with the keys that `cache_tokens` needs.
        cache: what `open_tokens` or `renormalized` gave.
        variables: those of the teacher, the `Frozen` that the cache was made with.
        tokenizer: its fingerprint.
        bos: how windows begin.
        temperature: that the loss takes the student's distribution at.
        network: the teacher's name in the terms.

    Returns:
        A split whose batches have a `SparseTarget` in `outputs`, under the network's
        name, beside what is there of it and of other networks.

    Raises:
        ValueError: the cache is of another teacher, tokenizer, window length, BOS rule
            or temperature, or lacks shards; when a batch is taken, that a token has no
            row, or one that has read other tokens.

    Example:
        >>> from jdistill import data
        >>> split = data.digits().valid
        >>> cached_tokens(split, data.open_tokens('/nowhere'), variables={},
        ...               tokenizer='bytes', bos='none')
        Traceback (most recent call last):
        ValueError: no cache of tokens at /nowhere
    """
    if network == "student":
        raise ValueError("the student learns, so its outputs cannot be cached")
    here = {
        "teacher": fingerprint(variables),
        "tokenizer": tokenizer,
        "length": np.shape(split.take(np.zeros(1, np.int32))["inputs"])[-1],
        "bos": bos,
        "temperature": float(temperature),
    }
    refuse_other(cache.about, here, f"the cache of the {network}")
    if cache.missing:
        raise ValueError(
            f"the cache of the {network} lacks {len(cache.missing)} of its "
            f"{shards_of(cache.about)} shards, the first is {cache.missing[0]}: call "
            "cache_tokens again, which computes those alone"
        )

    def take(indices: Any) -> Batch:
        batch = split.take(indices)
        known = dict(batch.get("outputs", {}))
        own = known.get(network, Outputs())._replace(sparse=cache.rows(batch))
        return {**batch, "outputs": {**known, network: own}}

    return split._replace(take=take, arrays=None)


def renormalized(cache: TokenCache) -> TokenCache:
    r"""The cache with the classes kept as if there were no others; it warns.

    .. math:: \tilde p_c = p_c / M, \quad M = \sum_{c \in K} p_c

    A student that equals the teacher does not have the least loss then: -log M is what
    it pays, and the best student is sure of the classes kept, 1 / M times too much.

    Args:
        cache: of the largest classes, with a tail.

    Returns:
        A cache whose rows have no tail.

    Raises:
        ValueError: the rows have no tail, so there is nothing to renormalise.

    References:
        Anshumann et al., Sparse logit sampling: accelerating knowledge distillation in
        LLMs, ACL 2025 (arXiv:2503.16870), on the bias of the largest classes.

    Example:
        >>> renormalized(TokenCache(lambda batch: None, {}, 1, 1, None, None, ()))
        Traceback (most recent call last):
        ValueError: the rows have no tail: their classes are all that they have
    """
    if cache.mass is None or cache.floor is None:
        raise ValueError("the rows have no tail: their classes are all that they have")
    warnings.warn(
        f"the classes kept have {cache.mass:.3f} of the teacher's probability, "
        f"{1 - cache.mass:.3f} is missing: renormalised, they teach a student to be "
        f"too sure, and one equal to the teacher has a loss of {cache.floor:.3f} nats; "
        "leave the tail in, or use random_sampled",
        stacklevel=2,
    )

    def rows(batch: Batch) -> SparseTarget:
        found = cache.rows(batch)
        with np.errstate(divide="ignore", invalid="ignore"):
            total = np.log(np.exp(found.log_p).sum(-1, keepdims=True))
        total = np.where(np.isneginf(total), 0, total).astype(np.float32)
        return SparseTarget(found.ids, found.log_p - total)

    return cache._replace(rows=rows, mass=None, floor=None)


class _Part(NamedTuple):
    """What is kept in memory of a shard."""

    path: pathlib.Path
    runs: Runs
    starts: Starts
    longest: int
    note: dict[str, Any]


def _part(path: pathlib.Path, about: About) -> _Part:
    columns, note = read_shard(path)
    if note.get("about") != digest(about):
        raise ValueError(f"{path} is of another cache than the folder's: remove it")
    try:
        starts = starts_of(columns, form_in(about))
        names = ("document", "first", "count")
        document, first, count = (np.array(columns[name]) for name in names)
        total = count.sum()
        if not total == len(columns["lengths"]) == len(columns["context"]):
            raise ValueError("its rows and runs do not fit")
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a whole shard: {error}") from error
    longest = int(columns["lengths"].max(initial=0))
    runs = Runs(document, first, count, np.cumsum(count) - count)
    return _Part(path, runs, starts, longest, dict(note))


class _Store(NamedTuple):
    """All shards as one array of rows; shard i begins at row `begins[i]`."""

    parts: list[_Part]
    begins: np.ndarray
    index: Index
    form: Form
    columns: Callable[[pathlib.Path], Columns]

    @classmethod
    def of(cls, parts: list[_Part], form: Form) -> "_Store":
        sizes = [int(part.runs.count.sum()) for part in parts]
        begins = np.cumsum([0, *sizes])
        runs = [Runs(*(np.zeros(0, np.int64) for _ in Runs._fields))]
        for part, begin in zip(parts, begins[:-1], strict=True):
            runs.append(part.runs._replace(row=part.runs.row + begin))
        every = Runs(*(np.concatenate(x) for x in zip(*runs, strict=True)))
        width = max([1, *(part.longest for part in parts)])
        columns = functools.lru_cache(maxsize=OPEN)(columns_of)
        form = form._replace(width=width)
        return cls(parts, begins, index_of(every), form, columns)

    def rows(self, batch: Batch) -> SparseTarget:
        keys = keys_of(batch)
        return self._spread(keys, find(self.index, keys, self._contexts), batch)

    def _shards(self, rows: np.ndarray):
        """Each shard that holds some of the rows, with their places among them."""
        shard = np.searchsorted(self.begins, rows, side="right") - 1
        for number in np.unique(shard):
            at = np.flatnonzero(shard == number)
            columns = self.columns(self.parts[number].path)
            yield self.parts[number], columns, at, rows[at] - self.begins[number]

    def _contexts(self, rows: np.ndarray) -> np.ndarray:
        found = np.zeros(len(rows), np.uint16)
        for _, columns, at, own in self._shards(rows):
            found[at] = columns["context"][own]
        return found

    def _spread(self, keys: Keys, rows: np.ndarray, batch: Batch) -> SparseTarget:
        shape, width = np.shape(batch["inputs"]), self.form.width
        out = SparseTarget(
            np.full((*shape, width), -1, np.int32),
            np.full((*shape, width), -np.inf, np.float32),
            np.zeros(shape, np.float32) if self.form.tail else None,
        )
        for part, columns, at, own in self._shards(rows):
            found = read_rows(columns, part.starts, self.form, own)
            where = tuple(keys.place[at].T)
            for there, new in zip(out, found, strict=True):
                if there is not None:
                    there[where] = new
        return out
