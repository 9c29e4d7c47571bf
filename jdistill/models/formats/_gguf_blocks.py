"""Blocks of GGUF made of whole numbers and step sizes, never of rounded values."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jdistill.models.formats._gguf_kinds import KINDS, Kind

_MXFP4 = (0, 1, 2, 3, 4, 6, 8, 12)
"""What the codes of MXFP4 stand for, in halves; 8 more are the same below zero."""


class Steps(NamedTuple):
    """Values that are whole numbers times step sizes.

    * `steps`: `[rows, columns]`, whole numbers.
    * `scale`: float32 of the same shape.
    """

    steps: np.ndarray
    scale: np.ndarray


class Lost(ValueError):
    """What a kind of blocks cannot hold."""


def blocks_of(kind: str, values: Steps) -> np.ndarray:
    """The bytes of values, from which a reader makes the same numbers, bit for bit.

    Args:
        kind: one of `EXACT`.
        values: to hold.

    Returns:
        `[rows, bytes]`, uint8.

    Raises:
        Lost: the kind cannot hold them; the message says why.

    References:
        Gerganov et al., GGML's blocks, https://github.com/ggml-org/ggml;
        Rouhani et al., Microscaling data formats, arXiv:2310.10537 (MXFP4).

    Example:
        >>> ones = np.ones((1, 32), np.float32)
        >>> blocks_of('Q8_0', Steps(2 * ones.astype(int), ones)).shape
        (1, 34)
    """
    rows = len(values.steps)
    steps, scale = _apart(KINDS[kind], values)
    return EXACT[kind](steps, scale).reshape(rows, -1)


def smallest(values: Steps) -> tuple[str, np.ndarray]:
    """The kind of the fewest bytes that holds values, and those bytes.

    Args:
        values: to hold.

    Raises:
        Lost: no kind does; the message says why the one of most steps does not.
    """
    faults = {}
    for kind in sorted(EXACT, key=lambda name: KINDS[name].size / KINDS[name].block):
        try:
            return kind, blocks_of(kind, values)
        except Lost as fault:
            faults[kind] = fault
    raise Lost(f"Q8_0, the widest: {faults['Q8_0']}")


def _apart(kind: Kind, values: Steps) -> tuple[np.ndarray, np.ndarray]:
    """Steps `[blocks, block]` and their one step size each."""
    columns = values.steps.shape[-1]
    if columns % kind.block:
        raise Lost(f"rows of {columns} are no blocks of {kind.block}")
    scale = values.scale.reshape(-1, kind.block)
    if (scale != scale[:, :1]).any():
        raise Lost(f"step sizes change within {kind.block} consecutive inputs")
    return values.steps.reshape(-1, kind.block), scale[:, :1]


def _half(x: np.ndarray, what: str = "a step size is") -> np.ndarray:
    """The bytes of float16 that are the same numbers."""
    with np.errstate(over="ignore"):
        half = x.astype("<f2")
    if (half != x).any():
        raise Lost(f"{what} no number of float16")
    return half.view(np.uint8)


def _within(steps: np.ndarray, low: int, high: int) -> np.ndarray:
    """Steps counted from the lowest that there is."""
    if steps.min() < low or steps.max() > high:
        raise Lost(
            f"steps reach from {steps.min()} to {steps.max()}, it holds {low} to {high}"
        )
    return (steps - low).astype(np.uint8)


def _q8_0(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    codes = _within(steps, -128, 127) ^ np.uint8(128)  # from excess to two's complement
    return np.hstack([_half(scale), codes])


def _q4_0(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.hstack([_half(scale), _nibbles(_within(steps, -8, 7))])


def _q5_0(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    codes = _within(steps, -16, 15)
    return np.hstack([_half(scale), _fifth_bits(codes), _nibbles(codes & 15)])


def _q4_1(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    lowest, codes = _shifted(steps, scale, 15)
    return np.hstack([_half(scale), lowest, _nibbles(codes)])


def _q5_1(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    lowest, codes = _shifted(steps, scale, 31)
    return np.hstack([_half(scale), lowest, _fifth_bits(codes), _nibbles(codes & 15)])


def _tq2_0(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    fours = _within(steps, -1, 2).reshape(-1, 2, 4, 32)
    shifts = np.array([0, 2, 4, 6], np.uint8)[:, None]
    packed = np.bitwise_or.reduce(fours << shifts, axis=2).reshape(-1, 64)
    return np.hstack([packed, _half(scale)])


def _mxfp4(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    fraction, exponent = np.frexp(scale)
    exponent = exponent + 127
    if (fraction != 0.5).any() or exponent.min() < 0 or exponent.max() > 254:
        raise Lost("a step size is no power of two")
    codes = np.searchsorted(_MXFP4, np.abs(steps)).clip(max=7)
    if (np.take(_MXFP4, codes) != np.abs(steps)).any():
        raise Lost(f"a step is none of {_MXFP4} and their negatives")
    codes = codes + 8 * (steps < 0)
    return np.hstack([exponent.astype(np.uint8), _nibbles(codes.astype(np.uint8))])


EXACT: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "Q8_0": _q8_0,
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "TQ2_0": _tq2_0,
    "MXFP4": _mxfp4,
}
"""From steps `[blocks, block]` and step sizes `[blocks, 1]` to bytes, by kind."""


def _shifted(steps: np.ndarray, scale: np.ndarray, most: int) -> Any:
    """A block's lowest value as float16, and the codes above it.

    The value of code 0 may lie below the lowest step; any will do that float16 holds.
    """
    low, high = (
        f(axis=1, keepdims=True).astype(np.int64) for f in (steps.min, steps.max)
    )
    if (high - low).max() > most:
        raise Lost(f"a block has {(high - low).max() + 1} steps, it holds {most + 1}")
    begin = np.full_like(low, np.iinfo(np.int64).max)
    for below in range(most + 1):
        at = low - below
        with np.errstate(over="ignore"):
            value = at * scale
            exact = (value.astype(np.float16) == value) & (high - at <= most)
        begin = np.where((begin > high) & exact, at, begin)
    if (begin > high).any():
        raise Lost("the lowest value of a block is no number of float16")
    lowest = _half((begin * scale).astype(np.float32), "the lowest value of a block is")
    return lowest, (steps - begin).astype(np.uint8)


def _nibbles(codes: np.ndarray) -> np.ndarray:
    half = codes.shape[1] // 2
    return codes[:, :half] | codes[:, half:] << np.uint8(4)


def _fifth_bits(codes: np.ndarray) -> np.ndarray:
    return np.packbits(codes >> np.uint8(4), axis=1, bitorder="little")
