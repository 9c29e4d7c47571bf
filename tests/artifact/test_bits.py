import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jdistill.artifact import _bits
from jdistill.bits import pack_bits, unpack_bits

masks = st.lists(st.booleans(), max_size=200).map(lambda x: np.array(x, bool))


@pytest.mark.parametrize("bits", range(2, 9))
def test_negative_codes_come_back(bits):
    limit = 2 ** (bits - 1) - 1
    codes = np.arange(-limit, limit + 1)
    packed = pack_bits(codes, bits)
    found = _bits.signed(unpack_bits(packed, bits, codes.size), bits)
    assert np.array_equal(found, codes)


def test_places_behind_the_end_are_refused():
    codes = _bits.write_index(np.arange(9) == 8, 2)
    assert np.array_equal(_bits.read_index(codes, 2, 9), np.arange(9) == 8)
    with pytest.raises(ValueError, match="beyond its 8 entries"):
        _bits.read_index(codes, 2, 8)


@given(masks, st.integers(1, 16))
@settings(max_examples=100, deadline=None)
def test_an_index_gives_its_mask_back(keep, bits):
    codes = _bits.write_index(keep, bits)
    assert np.all(codes < 2**bits)
    assert np.array_equal(_bits.read_index(codes, bits, keep.size), keep)


def test_a_long_index_gives_its_mask_back():
    keep = np.random.default_rng(0).random(1 << 18) < 0.4
    codes = _bits.write_index(keep, 3)
    assert codes.size > 1 << 16
    assert np.array_equal(_bits.read_index(codes, 3, keep.size), keep)


@given(masks, st.integers(1, 32))
@settings(max_examples=60, deadline=None)
def test_the_bytes_announced_are_the_bytes_written(keep, bits):
    places = _bits.cheapest(keep, bits)
    values = math.ceil(keep.sum() * bits / 8)
    written = {
        "dense": lambda: math.ceil(keep.size * bits / 8),
        "bitmap": lambda: pack_bits(keep, 1).nbytes + values,
        "index": lambda: (
            values + pack_bits(_bits.write_index(keep, places.bits), places.bits).nbytes
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
        index = pack_bits(_bits.write_index(keep, 16), 16).nbytes + kept
        assert (index > keep.size) == larger
