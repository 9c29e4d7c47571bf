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
