"""Integers in as few bits as they need: what packed files and caches are made of."""

import numpy as np

MOST = 32
"""The widest code."""

_STEP = 1 << 16
"""How many codes are looked at in one go, so that no copy is as large as the whole."""


def pack_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """Integers as a dense string of bits, the lowest `bits` of each.

    Args:
        codes: integers of any shape, two's complement where negative.
        bits: bits of a code, 1 to 32.

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


def unpack_bits(packed: np.ndarray, bits: int, size: int) -> np.ndarray:
    """The non-negative integers that `pack_bits` wrote.

    Args:
        packed: uint8, from `pack_bits`.
        bits: bits of a code.
        size: how many codes.

    Returns:
        uint8, above 8 bits uint16, above 16 uint32, `[size]`.

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
    codes = np.empty(size, _word(bits))
    for first in range(0, size, _STEP):
        part = codes[first : first + _STEP]
        bytes_ = packed[first * bits // 8 :][: num_bytes(part.size * bits)]
        part[:] = _unpack_groups(bytes_, bits)[: part.size]
    return codes


def num_bytes(bits: int) -> int:
    """The bytes that hold so many bits.

    Example:
        >>> num_bytes(9)
        2
    """
    return -(-bits // 8)


def _pack_groups(codes: np.ndarray, bits: int) -> np.ndarray:
    """Eight codes are a group of `bits` bytes."""
    wide, span = _room(bits)
    groups = np.zeros((-(-codes.size // 8), 8), wide)
    groups.reshape(-1)[: codes.size] = codes.astype(np.int64) & ((1 << bits) - 1)
    packed = np.zeros((len(groups), bits + span - 1), np.uint8)
    for place in range(8):
        byte, offset = divmod(place * bits, 8)
        word = groups[:, place] << wide(8 * span - offset - bits)
        for more in range(span):
            part = word >> wide(8 * (span - 1 - more))
            packed[:, byte + more] |= part.astype(np.uint8)
    return packed[:, :bits].reshape(-1)


def _unpack_groups(packed: np.ndarray, bits: int) -> np.ndarray:
    wide, _ = _room(bits)
    groups = np.zeros((-(-packed.size // bits), bits), np.uint8)
    groups.reshape(-1)[: packed.size] = packed
    codes = np.empty((len(groups), 8), _word(bits))
    for place in range(8):
        first, last = place * bits // 8, (place * bits + bits - 1) // 8
        word = np.zeros(len(groups), wide)
        for byte in range(first, last + 1):
            word = word << wide(8) | groups[:, byte]
        word = word >> wide(8 * (last + 1) - (place + 1) * bits)
        codes[:, place] = word & wide((1 << bits) - 1)
    return codes.reshape(-1)


def _room(bits: int) -> tuple[type, int]:
    """Words wide enough for a code at any offset, and how many bytes it touches."""
    return (np.uint32, 3) if bits <= 16 else (np.uint64, 5)


def _word(bits: int) -> type:
    return np.uint8 if bits < 8 else np.uint16 if bits <= 16 else np.uint32
