"""Integers in as few bits as they need, and where the ones that are kept stand."""

from typing import NamedTuple

import numpy as np

INDEX_BITS = range(1, 17)
"""How many bits a distance to the next kept entry may have."""


_STEP = 1 << 16
"""How many codes are looked at in one go, so that no copy is as large as the whole."""


def pack_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """Integers as a dense string of bits, the lowest `bits` of each.

    Args:
        codes: integers of any shape, two's complement where negative.
        bits: bits of a code, 1 to 16.

    Returns:
        uint8, `ceil(size * bits / 8)` of them.

    Example:
        >>> pack_bits(np.array([1, -1, 2]), 4)
        array([31, 32], dtype=uint8)
    """
    flat = np.asarray(codes).reshape(-1)
    if bits == 8:
        return flat.astype(np.uint8)
    packed = np.empty(num_bytes(flat.size * bits), np.uint8)
    for first in range(0, flat.size, _STEP):
        part = _pack_groups(flat[first : first + _STEP], bits)
        start = first * bits // 8
        packed[start : start + part.size] = part[: packed.size - start]
    return packed


def _pack_groups(codes: np.ndarray, bits: int) -> np.ndarray:
    """Eight codes are a group of `bits` bytes."""
    groups = np.zeros((-(-codes.size // 8), 8), np.uint32)
    groups.reshape(-1)[: codes.size] = codes.astype(np.int64) & ((1 << bits) - 1)
    packed = np.zeros((len(groups), bits + 2), np.uint8)
    for place in range(8):
        byte, offset = divmod(place * bits, 8)
        wide = groups[:, place] << (24 - offset - bits)
        for more in range(3):
            packed[:, byte + more] |= (wide >> (16 - 8 * more)).astype(np.uint8)
    return packed[:, :bits].reshape(-1)


def unpack_bits(packed: np.ndarray, bits: int, size: int) -> np.ndarray:
    """The non-negative integers that `pack_bits` wrote.

    Args:
        packed: uint8, from `pack_bits`.
        bits: bits of a code.
        size: how many codes.

    Returns:
        uint8, above 8 bits uint16, `[size]`.

    Raises:
        ValueError: there are not just as many bytes as the codes take.

    Example:
        >>> unpack_bits(np.array([31, 32], np.uint8), 4, 3)
        array([ 1, 15,  2], dtype=uint8)
    """
    if packed.size != num_bytes(size * bits):
        raise ValueError(
            f"{size} codes of {bits} bits take {num_bytes(size * bits)} bytes, and "
            f"there are {packed.size}"
        )
    if bits == 8:
        return packed
    codes = np.empty(size, np.uint16 if bits > 8 else np.uint8)
    for first in range(0, size, _STEP):
        part = codes[first : first + _STEP]
        bytes_ = packed[first * bits // 8 :][: num_bytes(part.size * bits)]
        part[:] = _unpack_groups(bytes_, bits)[: part.size]
    return codes


def _unpack_groups(packed: np.ndarray, bits: int) -> np.ndarray:
    groups = np.zeros((-(-packed.size // bits), bits), np.uint8)
    groups.reshape(-1)[: packed.size] = packed
    codes = np.empty((len(groups), 8), np.uint16)
    for place in range(8):
        first, last = place * bits // 8, (place * bits + bits - 1) // 8
        wide = np.zeros(len(groups), np.uint32)
        for byte in range(first, last + 1):
            wide = wide << 8 | groups[:, byte]
        codes[:, place] = wide >> (8 * (last + 1) - (place + 1) * bits)
    return codes.reshape(-1) & ((1 << bits) - 1)


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
) -> Places:
    r"""The smallest way to write the kept entries of a tensor with their places.

    .. math:: dense: \lceil n b / 8 \rceil, \quad
        bitmap: \lceil n / 8 \rceil + \lceil z b / 8 \rceil, \quad
        index: \min_g \lceil (z + f_g) g / 8 \rceil + \lceil z b / 8 \rceil

    for `n` entries, `z` kept, `b` bits a value; `f_g` counts the escapes of an index
    of `g` bits (`write_index`).

    Args:
        keep: which entries must be written, of any shape.
        value_bits: bits of a value, `b`.
        forms: which forms may be used.

    Returns:
        The cheapest form with the bytes it takes; the simplest one of equals.

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
    return min(allowed, key=lambda places: places.num_bytes)


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


def num_bytes(bits: int) -> int:
    """The bytes that hold so many bits.

    Example:
        >>> num_bytes(9)
        2
    """
    return -(-bits // 8)


def _gaps(keep: np.ndarray) -> np.ndarray:
    return np.diff(np.flatnonzero(keep), prepend=-1) - 1
