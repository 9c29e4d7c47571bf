import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jdistill.bits import pack_bits, unpack_bits


@given(st.integers(1, 32), st.lists(st.integers(0, 2**32 - 1), max_size=40))
@settings(max_examples=60, deadline=None)
def test_codes_come_back_from_their_bits(bits, codes):
    codes = np.array(codes, np.int64) & ((1 << bits) - 1)
    packed = pack_bits(codes, bits)
    assert packed.nbytes == math.ceil(codes.size * bits / 8)
    assert np.array_equal(unpack_bits(packed, bits, codes.size), codes)


@pytest.mark.parametrize("bits", range(1, 33))
def test_the_bits_stand_one_code_behind_the_other(bits):
    """As a string of digits; more codes than are looked at in one go."""
    codes = np.random.default_rng(bits).integers(0, 1 << bits, (1 << 16) + 11)
    packed = pack_bits(codes, bits)
    text = "".join(f"{code:0{bits}b}" for code in codes)
    text += "0" * (-len(text) % 8)
    assert packed.tobytes() == int(text, 2).to_bytes(len(text) // 8)
    assert np.array_equal(unpack_bits(packed, bits, codes.size), codes)


def test_bytes_that_are_no_such_codes_are_refused():
    packed = pack_bits(np.arange(5), 3)
    for bits, size in [(3, 6), (3, 2), (3, 10**15), (16, 5)]:
        with pytest.raises(ValueError, match="bytes, and there are 2"):
            unpack_bits(packed, bits, size)
