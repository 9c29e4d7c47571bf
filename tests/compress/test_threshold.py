import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jdistill.compress import _threshold

largest = jax.jit(_threshold.largest)


def stable_top(ranks, k):
    flat = np.concatenate([np.ravel(rank) for rank in ranks])
    mask = np.zeros(flat.size, bool)
    mask[np.argsort(-flat.astype(np.int64), kind="stable")[:k]] = True
    return mask


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int32, (6,), elements=st.integers(-1, 3)), st.integers(0, 9))
def test_exactly_k_are_kept_and_ties_fall_to_the_lowest_index(values, k):
    ranks = [jnp.asarray(values), jnp.array([[2, 0, 1]], jnp.int32)]
    found = np.concatenate([np.ravel(mask) for mask in largest(ranks, k)])
    assert found.sum() == k
    assert np.array_equal(found, stable_top(ranks, k))


@pytest.mark.parametrize("k", [0, 1, 499, 1000])
def test_distinct_values_equal_a_sort(k):
    x = np.random.default_rng(0).normal(size=(10, 100)).astype(np.float32)
    ranks = [_threshold.rank_bits(jnp.asarray(x))]
    assert np.array_equal(
        np.ravel(largest(ranks, k)[0]), stable_top([np.abs(x) * 1e6], k)
    )


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_ranks_order_like_magnitudes(dtype):
    x = jnp.asarray([0, -0.0, 1e-7, -1e-3, 1, -1.5, 3e4, jnp.inf], dtype)
    ranks = np.asarray(_threshold.rank_bits(x))
    assert ranks[0] == ranks[1] == 0
    assert np.all(np.diff(ranks)[1:] > 0)


def test_equal_weights_keep_the_first():
    mask = _threshold.largest_each(jnp.ones((2, 4), jnp.int32), 3, layers=1)
    assert np.array_equal(mask, [[True, True, True, False]] * 2)


@pytest.mark.parametrize("limit", [2, 3, 7, 50])
@pytest.mark.parametrize("k", [0, 1, 5, 29, 40, 83, 84])
def test_counts_of_rows_that_are_too_long_together_are_exact(limit, k, monkeypatch):
    """As if one count held no more than `limit` entries."""
    monkeypatch.setattr(_threshold, "LIMIT", limit)
    draw = np.random.default_rng(k)
    ranks = [
        jnp.asarray(draw.integers(-1, 3, size), jnp.int32)
        for size in ((4, 3, 5), (1,), (23,))
    ]
    found = np.concatenate([np.ravel(mask) for mask in _threshold.largest(ranks, k)])
    assert np.array_equal(found, stable_top(ranks, k))


@pytest.mark.parametrize("k", [65_535, 65_536, 150_001, 299_999])
def test_counts_go_on_above_their_lower_half(k):
    ranks = [jnp.asarray(np.random.default_rng(k).integers(0, 9, 300_000), jnp.int32)]
    assert np.array_equal(np.ravel(largest(ranks, k)[0]), stable_top(ranks, k))


@pytest.mark.parametrize("size", [10, 2**24 + 1, 8_030_261_248, 70_553_706_496])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_what_stays_is_exact_for_numbers_and_float32_for_arrays(size, sparsity):
    kept = _threshold.kept_of(sparsity, size)
    wanted = round((1 - sparsity) * size)
    assert 65536 * kept.high + kept.low == wanted
    array = jax.jit(lambda s: _threshold.kept_of(s, size))(jnp.float32(sparsity))
    assert 0 <= array.low < 65536
    np.testing.assert_allclose(
        65536 * int(array.high) + int(array.low), wanted, rtol=2**-22
    )


def test_sums_of_counts_above_31_bits_are_exact():
    counts = np.random.default_rng(0).integers(2**30, 2**31 - 1, 5000)
    total = jax.jit(lambda c: _threshold._added([c[:9], c[9:]]))(
        jnp.asarray(counts, jnp.int32)
    )
    assert 65536 * int(total.high) + int(total.low) == int(counts.sum())
