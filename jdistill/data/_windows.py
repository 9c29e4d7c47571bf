"""Windows of text for networks of tokens: one document a row, or rows packed full."""

import bisect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jdistill.data._corpus import Corpus
from jdistill.typing import Batch, Split

_IN_MEMORY = 2**20


class Windows(NamedTuple):
    """Windows as a split, and how they were made, for rows of figures.

    `protocol` has `context` (steps), `stride`, `bos`, `eos`, `packed`, `edition`,
    `control` (whether names of control tokens in the text became these), `documents`,
    `targets`, the `tokenizer`'s fingerprint and the `corpus`'.
    """

    split: Split
    protocol: Mapping[str, Any]


class _Cells(NamedTuple):
    """What stands at each step of rows, all `[rows, steps]`.

    `offset` is the place of an input in its document, and that of a 'bos' the place
    before the token that follows it. `counted`: whether the label is a target here.
    """

    document: np.ndarray
    offset: np.ndarray
    begin: np.ndarray
    real: np.ndarray
    counted: np.ndarray
    segment: np.ndarray
    position: np.ndarray


def windows(
    corpus: Corpus,
    *,
    steps: int,
    stride: int | None = None,
    ends: bool = False,
    positions: int | None = None,
) -> Windows:
    r"""Windows over each document of its own, such as perplexities are taken of.

    Window i of a document holds its tokens from :math:`i \cdot stride` on, behind a
    'bos' where the tokenizer says that windows begin so. A target that an earlier
    window has had is not one again, so every token is counted once; the first of a
    document is only counted behind a 'bos'. A stride below the length of a window
    gives every target a context of at least the difference.

    Args:
        corpus: documents as ids.
        steps: the length of a row, with the 'bos'.
        stride: tokens from one window to the next; by default windows do not overlap.
        ends: whether the token 'eos' is the last target of each document.
        positions: how many the network has, where it is known.

    Returns:
        A split of rows `[steps]`: `inputs`, `label` (the next token), `token_mask`,
        `label_mask`, `segment`, `position`, `token_bytes` (of the label), `document`,
        `offset` and `id`. A document's end is padded.

    Raises:
        ValueError: a size is out of range, windows are longer than the network's
            positions, there is no 'eos', or no document has a target.

    References:
        Press et al., Shortformer: better language modeling using shorter inputs, ACL
        2021 (arXiv:2012.15832), on overlapping windows.

    Example:
        >>> from jdistill import tokenizers
        >>> from jdistill.data import tokenize
        >>> tokenizer = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'c', 'd']})
        >>> made = windows(tokenize(['abcda'], tokenizer), steps=3)
        >>> made.split.take([0, 1])['label'].tolist()
        [[1, 2, 3], [0, 0, 0]]
    """
    bos = int(corpus.tokenizer.begins)
    room = steps - bos
    stride = room if stride is None else stride
    _check(corpus, steps, ends, positions)
    if not 1 <= stride <= room:
        raise ValueError(
            f"stride must be from 1 to {room}, the tokens of a window, got {stride}"
        )
    inputs = _inputs(corpus, ends)  # of each document, without 'bos'
    rows = 1 + np.maximum(0, -((room - inputs) // stride))
    rows = np.where(inputs + bos > 0, rows, 0)
    first = np.concatenate([[0], np.cumsum(rows)])

    def cells(indices: np.ndarray) -> _Cells:
        document = np.searchsorted(first, indices, side="right") - 1
        number = (indices - first[document])[:, None]
        document, column = document[:, None], np.arange(steps)
        offset = number * stride + column - bos
        begin = np.broadcast_to(column < bos, offset.shape)
        real = begin | (offset < inputs[document])
        before = np.where(number > 0, (number - 1) * stride + room, -1)
        return _Cells(
            np.broadcast_to(document, offset.shape),
            offset,
            begin,
            real,
            real & (offset + 1 > before),
            real.astype(np.int32),
            np.where(real, column, 0),
        )

    facts = {"context": steps, "stride": stride, "packed": False}
    return _made(corpus, int(first[-1]), steps, ends, cells, facts)


def packed(
    corpus: Corpus, *, steps: int, ends: bool = True, positions: int | None = None
) -> Windows:
    """Rows filled with documents one after the other, such as training takes.

    Each document in a row is a segment of its own, behind a 'bos' where the tokenizer
    says so, and positions begin anew in it. One that does not fit goes on in the next
    row, again behind a 'bos', whose label is no target there because the row before
    has had it. Only the end of the last row is padded, and every token is counted once.

    Args:
        corpus: documents as ids.
        steps: the length of a row, 2 or more.
        ends: whether the token 'eos' is the last target of each document.
        positions: how many the network has, where it is known.

    Returns:
        A split as that of `windows`, with `segment` 1, 2... in each row and 0 for
        padding.

    Raises:
        ValueError: `steps` is out of range or longer than the network's positions,
            there is no 'eos', or no document has a target.

    References:
        Raffel et al., Exploring the limits of transfer learning with a unified
        text-to-text transformer, JMLR 2020 (arXiv:1910.10683), on packing.

    Example:
        >>> from jdistill import tokenizers
        >>> from jdistill.data import tokenize
        >>> tokenizer = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'c', 'd']})
        >>> made = packed(tokenize(['abc', 'dcb'], tokenizer), steps=4, ends=False)
        >>> batch = made.split.take([0])
        >>> batch['inputs'].tolist(), batch['segment'].tolist()
        ([[0, 1, 3, 2]], [[1, 1, 2, 2]])
    """
    bos = int(corpus.tokenizer.begins)
    _check(corpus, steps, ends, positions)
    ends_at = np.concatenate([[0], np.cumsum(_inputs(corpus, ends) + bos)])
    rows = _row_starts(ends_at, steps, bos)

    def cells(indices: np.ndarray) -> _Cells:
        start = rows[indices][:, None]
        document = _document(ends_at, start)
        again = bos * (start > ends_at[document])  # a row that begins inside one
        column = np.arange(steps)
        place = start + np.maximum(column - again, 0)
        real = place < ends_at[-1]
        document = _document(ends_at, np.minimum(place, ends_at[-1] - 1))
        repeated = (column < again) & real
        offset = place - ends_at[document] - bos - repeated
        changed = np.diff(document, axis=1, prepend=document[:, :1]) != 0
        begins = np.maximum.accumulate(np.where(changed, column, 0), axis=1)
        return _Cells(
            document,
            offset,
            real & (repeated | ((offset < 0) & (bos > 0))),
            real,
            real & ~repeated,
            np.where(real, 1 + np.cumsum(changed, axis=1), 0),
            np.where(real, column - begins, 0),
        )

    facts = {"context": steps, "stride": steps, "packed": True}
    return _made(corpus, len(rows), steps, ends, cells, facts)


def _inputs(corpus: Corpus, ends: bool) -> np.ndarray:
    """How many tokens of each document are inputs: all but the last target."""
    return np.diff(corpus.starts) + int(ends) - 1


def _document(ends_at: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.searchsorted(ends_at, place, side="right") - 1


def _row_starts(ends_at: np.ndarray, steps: int, bos: int) -> np.ndarray:
    """Where each row begins in the stream of all documents, each behind its 'bos'."""
    total = int(ends_at[-1])
    if not bos:
        return np.arange(0, total, steps)
    known, found, start, low = ends_at.tolist(), [], 0, 0
    while start < total:
        found.append(start)
        low = bisect.bisect_left(known, start, low)
        start += steps - (known[low] != start)
    return np.array(found, np.int64)


def _made(
    corpus: Corpus,
    size: int,
    steps: int,
    ends: bool,
    cells: Callable[[np.ndarray], _Cells],
    facts: Mapping[str, Any],
) -> Windows:
    bos = int(corpus.tokenizer.begins)
    if not size:
        raise ValueError("no document has a token to predict")

    def take(indices: Any) -> Batch:
        rows = np.asarray(indices, np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < size:
            raise ValueError(f"rows are 0 to {size - 1}, got {rows.tolist()}")
        return {**_batch(corpus, cells(rows)), "id": rows.astype(np.int32)}

    arrays = take(np.arange(size)) if size * steps <= _IN_MEMORY else None
    protocol = {
        **facts,
        "bos": bool(bos),
        "eos": ends,
        "edition": corpus.info["edition"],
        "control": corpus.info["control"],
        "documents": corpus.info["documents"],
        "targets": int(np.maximum(_inputs(corpus, ends) + bos, 0).sum()),
        "tokenizer": corpus.info["tokenizer"],
        "corpus": corpus.info["fingerprint"],
    }
    return Windows(Split(size, take, arrays, ()), protocol)


def _batch(corpus: Corpus, cells: _Cells) -> dict[str, np.ndarray]:
    tokenizer = corpus.tokenizer
    special = tokenizer.special
    pad, eos = special.get("pad", 0), special.get("eos", 0)
    offset = np.where(cells.real, cells.offset, 0)
    inputs, _ = _tokens(corpus, cells.document, offset, eos)
    label, text = _tokens(corpus, cells.document, offset + 1, eos)
    size = tokenizer.num_bytes[label] * text
    if tokenizer.prefix:  # a space that the text does not have
        size = size - tokenizer.prefix * (offset + 1 == 0)
    inputs = np.where(cells.begin, special.get("bos", 0), inputs)
    real = cells.real
    return {
        "inputs": np.where(real, inputs, pad).astype(np.int32),
        "label": np.where(real, label, pad).astype(np.int32),
        "token_mask": real.astype(np.float32),
        "label_mask": cells.counted.astype(np.float32),
        "segment": cells.segment.astype(np.int32),
        "position": cells.position.astype(np.int32),
        "token_bytes": np.where(real, size, 0).astype(np.float32),
        "document": np.where(real, cells.document, -1).astype(np.int32),
        "offset": offset.astype(np.int32),
    }


def _tokens(corpus: Corpus, document, offset, eos) -> tuple[np.ndarray, np.ndarray]:
    """The ids at places of documents, and which are text: past the last is 'eos'."""
    length = np.diff(corpus.starts)[document]
    text = offset < length
    index = corpus.starts[document] + np.clip(offset, 0, length - 1)
    ids = np.asarray(corpus.ids[index], np.int64)
    wrong = (ids < 0) | (ids >= corpus.tokenizer.vocab)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        raise ValueError(
            f"document {document[at]}, token {offset[at]}: id {ids[at]} is none of "
            f"the {corpus.tokenizer.vocab} of the vocabulary"
        )
    return np.where(text, ids, eos), text


def _check(corpus: Corpus, steps: int, ends: bool, positions: int | None) -> None:
    least = 1 + int(corpus.tokenizer.begins)
    if steps < least:
        raise ValueError(f"steps must be {least} or more, got {steps}")
    if positions is not None and steps > positions:
        raise ValueError(
            f"windows of {steps} steps are longer than the network's {positions} "
            "positions"
        )
    if ends and "eos" not in corpus.tokenizer.special:
        raise ValueError("the tokenizer has no 'eos' for ends=True")
