"""Rows of some classes each as columns of bytes, and back.

A row is its number of classes, their ids in as few bits as the vocabulary needs, their
log-probabilities in 16 bits or their counts, and the logarithm of the tail in 16. Rows
begin on a byte and are as long as they have to be.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jdistill.bits import pack_bits, unpack_bits
from jdistill.typing import SparseTarget

STEP = 2048
"""Log-probabilities are multiples of 1 / STEP: an error of 2.5e-4 at most."""

NONE = 2**16 - 1
"""The code of -inf."""

_BLOCK = 64

Columns = dict[str, np.ndarray]


class Form(NamedTuple):
    """How rows are written.

    * `bits`: of an id.
    * `width`: the most classes of a row.
    * `draws`: what counts are of; 0 where log-probabilities are written.
    * `tail`: whether a row has one.
    """

    bits: int
    width: int
    draws: int
    tail: bool


def form_of(*, vocab: int, width: int, draws: int, tail: bool) -> Form:
    """The form for a vocabulary.

    Example:
        >>> form_of(vocab=100_000, width=64, draws=0, tail=True).bits
        17
    """
    return Form(max(1, (vocab - 1).bit_length()), width, draws, tail)


def to_codes(log_p: Any) -> np.ndarray:
    """Logarithms of probabilities in 16 bits; below -32 they are -32.

    Example:
        >>> to_codes(np.array([0.0, -1.0, -40.0, -np.inf]))
        array([    0,  2048, 65534, 65535], dtype=uint16)
    """
    log_p = np.asarray(log_p, np.float64)
    codes = np.round(np.minimum(-log_p, 32.0) * STEP).clip(0, NONE - 1)
    return np.where(np.isneginf(log_p), NONE, codes).astype(np.uint16)


def from_codes(codes: Any) -> np.ndarray:
    """What `to_codes` wrote, float32.

    Example:
        >>> from_codes(np.array([2048, 65535], np.uint16))
        array([ -1., -inf], dtype=float32)
    """
    codes = np.asarray(codes)
    return np.where(codes == NONE, -np.inf, codes / np.float32(-STEP)).astype("f4")


def to_columns(target: SparseTarget, form: Form) -> Columns:
    """Rows `[rows, k]` as columns.

    Args:
        target: of host arrays.
        form: how they are written.

    Returns:
        `lengths`, `ids`, `values` and, where rows have one, `tail`.

    Example:
        >>> one = SparseTarget(np.array([[5, -1]]), np.array([[-1.0, 0.0]]))
        >>> columns = to_columns(one, Form(bits=3, width=2, draws=0, tail=False))
        >>> {name: x.tolist() for name, x in columns.items()}
        {'lengths': [1], 'ids': [160], 'values': [2048]}
    """
    there = target.ids >= 0
    lengths = there.sum(-1)
    if form.draws:
        kind = np.min_scalar_type(form.draws)
        shares = np.exp(target.log_p[there].astype(np.float64))
        values = np.round(shares * form.draws).astype(kind)
    else:
        values = to_codes(target.log_p[there])
    kind = np.min_scalar_type(form.width)
    columns = {"lengths": lengths.astype(kind), "ids": _packed(target.ids, form)}
    columns["values"] = values
    if form.tail:
        columns["tail"] = to_codes(target.log_tail)
    return columns


def _packed(ids: np.ndarray, form: Form) -> np.ndarray:
    there = ids >= 0
    lengths = there.sum(-1)
    eights = -(-max(1, int(lengths.max(initial=0))) // 8)
    left = np.zeros((len(ids), 8 * eights), np.int64)
    left[np.arange(left.shape[1]) < lengths[:, None]] = ids[there]
    strings = pack_bits(left, form.bits).reshape(len(ids), eights * form.bits)
    used = num_bytes_of(lengths, form.bits)
    return strings[np.arange(strings.shape[1]) < used[:, None]]


class Starts(NamedTuple):
    """Where every 64th row begins, among values and among bytes of ids."""

    values: np.ndarray
    ids: np.ndarray


def starts_of(columns: Mapping[str, np.ndarray], form: Form) -> Starts:
    """The starts, or a line that says what does not fit.

    Raises:
        ValueError: the columns are not of one number of rows, classes and bytes.

    Example:
        >>> columns = {"lengths": np.array([2, 1], np.uint8),
        ...     "ids": np.zeros(2, np.uint8), "values": np.zeros(3, np.uint16)}
        >>> starts_of(columns, Form(bits=3, width=2, draws=0, tail=False)).values
        array([0])
    """
    lengths = np.asarray(columns["lengths"]).astype(np.int64)
    used = num_bytes_of(lengths, form.bits)
    wanted = (int(lengths.sum()), int(used.sum()), int(lengths.max(initial=0)))
    if (len(columns["values"]), len(columns["ids"])) != wanted[:2]:
        raise ValueError(f"rows of {wanted[:2]} values and bytes of ids are not there")
    if wanted[2] > form.width:
        raise ValueError(f"a row of {wanted[2]} classes, above {form.width}")
    if form.tail and len(columns["tail"]) != len(lengths):
        raise ValueError("its rows have no tail")
    return Starts(*(np.cumsum(x)[::_BLOCK] - x[::_BLOCK] for x in (lengths, used)))


def read_rows(
    columns: Mapping[str, np.ndarray], starts: Starts, form: Form, rows: np.ndarray
) -> SparseTarget:
    """Some rows of columns, `[rows, width]`, in any order.

    Args:
        columns: what `to_columns` made, also memory-mapped.
        starts: of these columns.
        form: how they were written.
        rows: which.

    Returns:
        int32 and float32; probabilities add up to 1 again, so the error of a logarithm
        is 5e-4 at most.

    Example:
        >>> form = Form(bits=3, width=2, draws=4, tail=False)
        >>> one = SparseTarget(np.array([[5, 1]]), np.log([[0.75, 0.25]]))
        >>> columns = to_columns(one, form)
        >>> read_rows(columns, starts_of(columns, form), form, np.array([0, 0])).ids
        array([[5, 1],
               [5, 1]], dtype=int32)
    """
    lengths, before = _before(columns["lengths"], form.bits, rows)
    value_at = starts.values[rows // _BLOCK] + before[0]
    byte_at = starts.ids[rows // _BLOCK] + before[1]
    wide = 8 * -(-form.width // 8)
    used = num_bytes_of(lengths, form.bits)
    strings = _gathered(columns["ids"], byte_at, used, wide * form.bits // 8, 0)
    ids = unpack_bits(strings.reshape(-1), form.bits, len(rows) * wide)
    ids = ids.reshape(len(rows), wide)[:, : form.width].astype(np.int32)
    there = np.arange(form.width) < lengths[:, None]
    fill = 0 if form.draws else NONE
    values = _gathered(columns["values"], value_at, lengths, form.width, fill)
    if form.draws:
        with np.errstate(divide="ignore"):
            log_p = np.log(values.astype(np.float32) / np.float32(form.draws))
    else:
        log_p = from_codes(values)
    tail = from_codes(columns["tail"][rows]) if form.tail else None
    if not form.draws:
        total = _log_sum(log_p, tail)
        log_p, tail = log_p - total[:, None], None if tail is None else tail - total
    return SparseTarget(np.where(there, ids, -1), log_p, tail)


def num_bytes_of(lengths: np.ndarray, bits: int) -> np.ndarray:
    """The bytes of each row's ids.

    Example:
        >>> num_bytes_of(np.array([1, 9]), 17)
        array([ 3, 20])
    """
    return -(-lengths * bits // 8)


def _before(column, bits, rows):
    """Each row's length, and the values and bytes before it since its block began."""
    first = rows - rows % _BLOCK
    places = first[:, None] + np.arange(_BLOCK)
    near = np.asarray(column)[np.minimum(places, len(column) - 1)].astype(np.int64)
    earlier = np.where(places < rows[:, None], near, 0)
    own = near[np.arange(len(rows)), rows % _BLOCK]
    return own, (earlier.sum(-1), num_bytes_of(earlier, bits).sum(-1))


def _gathered(column, starts, counts, width, fill):
    places = np.arange(width)
    inside = places < counts[:, None]
    found = np.full(inside.shape, fill, column.dtype)
    found[inside] = column[(starts[:, None] + places)[inside]]
    return found


def _log_sum(log_p: np.ndarray, tail: np.ndarray | None) -> np.ndarray:
    total = np.exp(log_p).sum(-1)
    return np.log(total if tail is None else total + np.exp(tail)).astype(np.float32)
