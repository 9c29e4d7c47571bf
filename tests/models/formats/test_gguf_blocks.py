"""Blocks hold the very numbers, or say what they would lose."""

import numpy as np
import pytest

from jdistill.models.formats._gguf_blocks import (
    EXACT,
    Lost,
    Steps,
    blocks_of,
    smallest,
)
from jdistill.models.formats._gguf_kinds import BY_NUMBER, KINDS

RANGES = {
    "Q8_0": range(-128, 128),
    "Q4_0": range(-8, 8),
    "Q5_0": range(-16, 16),
    "TQ2_0": range(-1, 3),
    "MXFP4": [sign * x for x in (0, 1, 2, 3, 4, 6, 8, 12) for sign in (1, -1)],
    "Q4_1": range(-5, 11),
    "Q5_1": range(3, 35),
}


def drawn(kind, rows=3, columns=512, seed=0):
    """Steps of the whole range of a kind, and step sizes that it can hold."""
    draw = np.random.default_rng(seed)
    steps = draw.choice(np.array(RANGES[kind], np.int16), (rows, columns))
    blocks = rows, columns // KINDS[kind].block
    scale = draw.uniform(0.001, 0.1, blocks).astype(np.float16)
    if kind == "MXFP4":
        scale = 2.0 ** draw.integers(-12, 3, blocks)
    if kind in ("Q4_1", "Q5_1"):
        # a few bits, so that small multiples are numbers of float16 too
        scale = draw.integers(1, 64, blocks) / 1024
    scale = np.repeat(scale.astype(np.float32), KINDS[kind].block, axis=1)
    return Steps(steps, scale)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("seed", range(3))
def test_gguf_reads_the_very_numbers(kind, seed):
    gguf = pytest.importorskip("gguf")
    values = drawn(kind, seed=seed)
    number = gguf.GGMLQuantizationType[kind]
    found = gguf.quants.dequantize(blocks_of(kind, values), number)
    expected = values.steps.astype(np.float32) * values.scale
    np.testing.assert_array_equal(found, expected)
    assert not np.signbit(found[found == 0]).any()


def test_the_bytes_of_a_block_of_each_kind():
    """By hand from the layouts, so that no reader is needed."""
    steps = np.zeros((1, 32), np.int16)
    steps[0, :2], steps[0, 16] = (-8, 7), 3
    ones = np.ones((1, 32), np.float32)
    half = bytes([0x00, 0x3C])  # 1 in float16
    eights = bytes([0x88]) * 14
    q4 = bytes([0x80 + 0x30, 0x8F]) + eights
    assert blocks_of("Q4_0", Steps(steps, ones)).tobytes() == half + q4
    q8 = bytes([0xF8, 7]) + bytes(14) + bytes([3]) + bytes(15)
    assert blocks_of("Q8_0", Steps(steps, ones)).tobytes() == half + q8
    minus_8 = bytes([0x00, 0xC8])
    assert blocks_of("Q4_1", Steps(steps, ones)).tobytes() == half + minus_8 + q4
    # 16 above: -8 is 8, 7 is 23 and 3 is 19, their fifth bits those but the first's
    high = (0xFFFFFFFF ^ 1).to_bytes(4, "little")
    q5 = bytes([0x38, 0x07]) + bytes(14)
    assert blocks_of("Q5_0", Steps(steps, ones)).tobytes() == half + high + q5


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("Q4_0", lambda s, d: (s + 1, d), "steps reach from -7 to 8, it holds -8 to 7"),
        ("Q8_0", lambda s, d: (s - 1, d), "steps reach from -129 to 126"),
        ("Q5_0", lambda s, d: (s, d * 1.0001), "a step size is no number of float16"),
        ("Q5_0", lambda s, d: (s, d * 1e9), "a step size is no number of float16"),
        (
            "TQ2_0",
            lambda s, d: (s[:, :96], d[:, :96]),
            "rows of 96 are no blocks of 256",
        ),
        ("MXFP4", lambda s, d: (s + 5, d), "a step is none of"),
        ("MXFP4", lambda s, d: (s, d * 3), "a step size is no power of two"),
        ("Q4_1", lambda s, d: (s * 2, d), "a block has"),
        ("Q4_1", lambda s, d: (s, d * 0 + 1.0009765625), "lowest value of a block"),
    ],
)
def test_what_is_lost_is_said(kind, change, message):
    values = drawn(kind)
    with pytest.raises(Lost, match=message):
        blocks_of(kind, Steps(*change(*values)))


def test_step_sizes_that_change_within_a_block_are_lost():
    steps, scale = drawn("Q4_0")
    scale = scale.copy()
    scale[1, 40] *= 2
    with pytest.raises(Lost, match="change within 32"):
        blocks_of("Q4_0", Steps(steps, scale))


@pytest.mark.parametrize("kind", [k for k in EXACT if k not in ("Q4_1", "Q5_1")])
def test_the_smallest_that_fits_is_taken(kind):
    assert smallest(drawn(kind))[0] == kind


def test_larger_groups_fit_smaller_blocks():
    steps, scale = drawn("Q4_0")
    whole = np.broadcast_to(scale[:, :1], scale.shape)
    assert smallest(Steps(steps, whole))[0] == "Q4_0"


def test_what_fits_nowhere_says_why_the_widest_does_not():
    steps, scale = drawn("Q8_0")
    with pytest.raises(Lost, match="Q8_0, the widest: a step size"):
        smallest(Steps(steps, scale * np.float32(1.001)))


def test_kinds_are_those_of_gguf():
    gguf = pytest.importorskip("gguf")
    for number, kind in BY_NUMBER.items():
        theirs = gguf.GGMLQuantizationType(number)
        assert theirs.name == kind.name
        assert gguf.GGML_QUANT_SIZES[theirs] == (kind.block, kind.size)
