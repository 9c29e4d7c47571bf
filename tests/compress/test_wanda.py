import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress
from jdistill.ops import Use
from jdistill.typing import Observed

DRAW = np.random.default_rng(0)
W = DRAW.normal(size=(10, 12))
NORMS = DRAW.uniform(0.1, 4, size=12)


def masked(w, squares, use, axes=(), index=(), **options):
    c = compress.wanda(**options)
    params = {"w": jnp.asarray(w, jnp.float32)}
    values = {"sum_squares": jnp.asarray(squares, jnp.float32)}
    at = c.init(params, products={"w": use})
    seen = {"w": Observed(axes, index, values)}
    return np.asarray(c.update(params, *at, step=0, stats=seen)[2].masks["w"])


def reference(w, norms, k, group=None):
    """For w [out, in] in float64: the k best of each row, or of each group of it."""
    score = np.abs(w) * norms
    score = score.reshape(len(w), -1, group or w.shape[1])
    order = np.argsort(-score, axis=-1, kind="stable")
    return (np.argsort(order, axis=-1) < k).reshape(w.shape)


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.9])
def test_each_output_keeps_its_best_inputs(sparsity):
    wanted = reference(W, NORMS, round((1 - sparsity) * 12))
    squares = np.broadcast_to(NORMS**2, W.shape)
    found = masked(W, squares, Use((1,), (0,)), sparsity=sparsity)
    assert np.array_equal(found, wanted)
    found = masked(W.T, squares.T, Use((0,), (1,)), sparsity=sparsity)
    assert np.array_equal(found.T, wanted)


@pytest.mark.parametrize("n, m", [(2, 4), (1, 3), (4, 4), (3, 12)])
def test_n_of_m_consecutive_inputs_stay(n, m):
    squares = np.broadcast_to(NORMS**2, W.shape)
    found = masked(W, squares, Use((1,), (0,)), n=n, m=m)
    assert np.array_equal(found, reference(W, NORMS, n, m))
    assert np.all(found.reshape(10, -1, m).sum(-1) == n)


def test_only_the_layer_that_was_seen_changes():
    stack = np.stack([W, W, W], axis=1)  # [out, layers, in]
    squares = np.broadcast_to(NORMS**2, W.shape)
    use = Use((2,), (0,), (1,))
    found = masked(stack, squares, use, (1,), (jnp.int32(2),), sparsity=0.5)
    assert np.all(found[:, :2])
    assert np.array_equal(found[:, 2], reference(W, NORMS, 6))


def test_heads_and_experts_have_outputs_of_their_own():
    w, squares = W.reshape(10, 3, 4), np.broadcast_to(NORMS**2, W.shape)
    found = masked(w, squares.reshape(w.shape), Use((1, 2), (0,)), sparsity=0.5)
    assert np.array_equal(found.reshape(W.shape), reference(W, NORMS, 6))
    found = masked(w, squares.reshape(w.shape), Use((2,), (0,), (1,)), sparsity=0.5)
    wanted = reference(W.reshape(30, 4), np.tile(NORMS.reshape(3, 4), (10, 1)), 2)
    assert np.array_equal(found.reshape(30, 4), wanted)


def test_without_statistics_nothing_is_masked():
    c, params = compress.wanda(sparsity=0.5, where="w"), {"w": jnp.asarray(W)}
    for step in (0, 100):
        assert np.all(c.update(params, *c.init(params), step=step)[2].masks["w"])


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "give sparsity, or n and m"),
        ({"sparsity": 0.5, "n": 2, "m": 4}, "give sparsity, or n and m"),
        ({"n": 2}, "give sparsity, or n and m"),
        ({"n": 5, "m": 4}, "n must be a whole number from 1 to 4, got 5"),
        ({"sparsity": 50}, "sparsity must be from 0 to below 1"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        compress.wanda(**options)


def test_groups_that_do_not_divide_are_named():
    with pytest.raises(ValueError, match="m=5 does not divide the 12 inputs of 'w'"):
        masked(W, np.ones_like(W), Use((1,), (0,)), n=2, m=5)
