"""Which tokens are chosen, and how often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.language import greedy, sample

LOGITS = jnp.log(jnp.array([0.1, 0.4, 0.3, 0.2]))


def frequencies(choose, draws=4000):
    keys = jax.random.split(jax.random.key(0), draws)
    ids = jax.jit(jax.vmap(lambda key: choose(LOGITS, key)))(keys)
    return np.bincount(ids, minlength=4) / draws


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [0.1, 0.4, 0.3, 0.2]),
        (dict(temperature=0.5), np.array([1, 16, 9, 4]) / 30),
        (dict(top_k=2), [0, 4 / 7, 3 / 7, 0]),
        (dict(top_k=9), [0.1, 0.4, 0.3, 0.2]),
        (dict(top_p=0.7), [0, 4 / 7, 3 / 7, 0]),
        (dict(top_p=0.71), [0, 4 / 9, 3 / 9, 2 / 9]),
        (dict(top_p=1e-6), [0, 1, 0, 0]),
        (dict(top_k=3, top_p=0.5), [0, 4 / 7, 3 / 7, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_said(options, wanted):
    np.testing.assert_allclose(frequencies(sample(**options)), wanted, atol=0.03)


def test_greedy_takes_the_first_of_the_likeliest():
    assert greedy(jnp.array([0.0, 1.0, 1.0]), jax.random.key(0)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(temperature=0.0), "temperature must be above 0, got 0.0"),
        (dict(temperature=float("nan")), "temperature must be above 0"),
        (dict(top_k=0), "top_k must be a whole number from 1"),
        (dict(top_p=0.0), "top_p must be above 0"),
        (dict(top_p=1.1), "top_p must be from 0 to 1, got 1.1"),
    ],
)
def test_a_number_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        sample(**options)
