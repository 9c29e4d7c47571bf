"""Where the entries that are kept stand, in as few bits as that needs."""

from typing import NamedTuple

import numpy as np

from jdistill.bits import num_bytes

INDEX_BITS = range(1, 17)
"""How many bits a distance to the next kept entry may have."""


_STEP = 1 << 16
"""How many codes are looked at in one go, so that no copy is as large as the whole."""


def signed(codes: np.ndarray, bits: int) -> np.ndarray:
    """Two's complement codes of `bits` bits, at most 8, as signed integers.

    Example:
        >>> signed(np.array([1, 15], np.uint8), 4)
        array([ 1, -1], dtype=int8)
    """
    return codes.view(np.int8) << (8 - bits) >> (8 - bits)


class Places(NamedTuple):
    """How the places of kept entries are written, and what that takes.

    `form` is 'dense' (every entry is written), 'bitmap' or 'index'; an index has
    `bits` bits and there are `entries` of them.
    """

    form: str
    bits: int
    entries: int
    num_bytes: int


def cheapest(
    keep: np.ndarray,
    value_bits: int,
    *,
    forms: tuple[str, ...] = ("dense", "bitmap", "index"),
    more: int = 0,
) -> Places:
    r"""The smallest way to write the kept entries of a tensor with their places.

    .. math:: dense: \lceil n b / 8 \rceil, \quad
        bitmap: \lceil n / 8 \rceil + \lceil z b / 8 \rceil + m, \quad
        index: \min_g \lceil (z + f_g) g / 8 \rceil + \lceil z b / 8 \rceil + m

    for `n` entries, `z` kept, `b` bits a value; `f_g` counts the escapes of an index
    of `g` bits (`write_index`), `m` what a second tensor costs.

    Args:
        keep: which entries must be written, of any shape.
        value_bits: bits of a value, `b`.
        forms: which forms may be used.
        more: bytes that a second tensor costs, `m`, for places beside values.

    Returns:
        The cheapest form with the bytes of its arrays; the simplest one of equals.

    Example:
        >>> cheapest(np.arange(100) % 10 == 0, 8)
        Places(form='index', bits=4, entries=10, num_bytes=15)
        >>> cheapest(np.arange(100) % 10 != 0, 8).form
        'dense'
    """
    size, kept = keep.size, int(keep.sum())
    values = num_bytes(kept * value_bits)
    choices = [
        Places("dense", 0, 0, num_bytes(size * value_bits)),
        Places("bitmap", 0, 0, num_bytes(size) + values),
    ]
    # an index has a bit or more for each that is kept
    if "dense" not in forms or kept * (value_bits + 1) < size * value_bits:
        gaps = _gaps(keep)
        for bits in INDEX_BITS:
            entries = kept + int((gaps // ((1 << bits) - 1)).sum())
            total = num_bytes(entries * bits) + values
            choices.append(Places("index", bits, entries, total))
    allowed = [places for places in choices if places.form in forms]
    return min(allowed, key=lambda p: p.num_bytes + more * (p.form != "dense"))


def write_index(keep: np.ndarray, bits: int) -> np.ndarray:
    """The distances between kept entries, in `bits` bits each.

    A distance counts the entries passed over. The largest code is an escape: it passes
    over as many entries as its own value and says nothing of a kept one.

    Args:
        keep: which entries are kept, of any shape.
        bits: bits of a distance, 1 to 16.

    Returns:
        Integers to be packed, escapes included.

    References:
        Han et al., Deep compression, ICLR 2016 (arXiv:1510.00149), section 2, with an
        escape in the place of its filler zeros.

    Example:
        >>> write_index(np.array([False, True, False, False, False, True]), 2)
        array([1, 3, 0])
    """
    escape = (1 << bits) - 1
    gaps = _gaps(keep)
    ends = np.cumsum(gaps // escape + 1) - 1
    codes = np.full(int(ends[-1]) + 1 if gaps.size else 0, escape, np.int64)
    codes[ends] = gaps % escape
    return codes


def read_index(codes: np.ndarray, bits: int, size: int) -> np.ndarray:
    """The mask whose distances `write_index` wrote.

    Args:
        codes: integers, escapes included.
        bits: bits of a distance.
        size: entries of the tensor.

    Returns:
        bool, `[size]`.

    Raises:
        ValueError: a distance leads behind the last entry.

    Example:
        >>> read_index(np.array([1, 3, 0]), 2, 6)
        array([False,  True, False, False, False,  True])
    """
    escape, place = (1 << bits) - 1, -1
    keep = np.zeros(size, bool)
    for first in range(0, codes.size, _STEP):
        part = codes[first : first + _STEP]
        kept = part != escape
        places = place + np.cumsum(part.astype(np.int64) + kept)
        place = int(places[-1])
        if place >= size:
            raise ValueError(f"its places go beyond its {size} entries")
        keep[places[kept]] = True
    return keep


def _gaps(keep: np.ndarray) -> np.ndarray:
    return np.diff(np.flatnonzero(keep), prepend=-1) - 1
