import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jdistill.artifact import _bits

masks = st.lists(st.booleans(), max_size=200).map(lambda x: np.array(x, bool))


@given(st.integers(1, 16), st.lists(st.integers(0, 2**16 - 1), max_size=40))
@settings(max_examples=60, deadline=None)
def test_codes_come_back_from_their_bits(bits, codes):
    codes = np.array(codes, np.int64) & ((1 << bits) - 1)
    packed = _bits.pack_bits(codes, bits)
    assert packed.nbytes == math.ceil(codes.size * bits / 8)
    assert np.array_equal(_bits.unpack_bits(packed, bits, codes.size), codes)


@pytest.mark.parametrize("bits", range(2, 9))
def test_negative_codes_come_back(bits):
    limit = 2 ** (bits - 1) - 1
    codes = np.arange(-limit, limit + 1)
    packed = _bits.pack_bits(codes, bits)
    found = _bits.signed(_bits.unpack_bits(packed, bits, codes.size), bits)
    assert np.array_equal(found, codes)


@given(masks, st.integers(1, 16))
@settings(max_examples=100, deadline=None)
def test_an_index_gives_its_mask_back(keep, bits):
    codes = _bits.write_index(keep, bits)
    assert np.all(codes < 2**bits)
    assert np.array_equal(_bits.read_index(codes, bits, keep.size), keep)


@given(masks, st.integers(1, 32))
@settings(max_examples=60, deadline=None)
def test_the_bytes_announced_are_the_bytes_written(keep, bits):
    places = _bits.cheapest(keep, bits)
    values = math.ceil(keep.sum() * bits / 8)
    written = {
        "dense": lambda: math.ceil(keep.size * bits / 8),
        "bitmap": lambda: _bits.pack_bits(keep, 1).nbytes + values,
        "index": lambda: (
            values
            + _bits.pack_bits(_bits.write_index(keep, places.bits), places.bits).nbytes
        ),
    }[places.form]()
    assert places.num_bytes == written
    assert written <= math.ceil(keep.size * bits / 8)


@pytest.mark.parametrize(
    ("share", "form"), [(0.01, "index"), (0.5, "bitmap"), (1.0, "dense")]
)
def test_the_form_follows_the_density(share, form):
    keep = np.random.default_rng(0).random(20_000) <= share
    assert _bits.cheapest(keep, 8).form == form


def test_sixteen_bit_indices_beside_int8_are_larger_than_dense_above_a_third():
    for share, larger in [(0.32, False), (0.35, True)]:
        keep = np.arange(9000) < share * 9000
        kept = int(keep.sum())
        index = _bits.pack_bits(_bits.write_index(keep, 16), 16).nbytes + kept
        assert (index > keep.size) == larger
