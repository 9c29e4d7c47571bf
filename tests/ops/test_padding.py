"""Padding stays out of statistics, wherever the rows of the batch are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import models, ops
from jdistill.typing import Frozen

DRAW = np.random.default_rng(0)
X = jnp.asarray(DRAW.normal(size=(3, 4, 5)), jnp.float32)
TOKENS = jnp.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
W = {"w": jnp.asarray(DRAW.normal(size=(5, 2)), jnp.float32)}
ALL = (ops.ranges, ops.second_moments, ops.gram)

WAYS = {
    "steps": lambda p, x: x @ p["w"],
    "flat": lambda p, x: x.reshape(12, 5) @ p["w"],
    "by layer": lambda p, x: jax.lax.scan(
        lambda x, w: (x, x @ w), x, jnp.stack([p["w"], p["w"]])
    )[1],
}


@pytest.mark.parametrize("way", WAYS)
def test_tokens_of_padding_do_not_count(way):
    args = (W, jnp.where(TOKENS[..., None] > 0, X, 1e6))
    call = ops.observe(WAYS[way], statistics=ALL, rows=lambda *_: TOKENS)
    out, stats = jax.jit(call)(*args)
    rows = np.float64(X)[np.asarray(TOKENS) > 0]
    first = (lambda x: x[0]) if way == "by layer" else (lambda x: x)
    stat = jax.tree.map(first, stats["w"])
    assert stat["sum_count"] == 7
    np.testing.assert_allclose(stat["sum_squares"], (rows**2).sum(0), rtol=1e-5)
    np.testing.assert_allclose(stat["sum_gram"], rows.T @ rows, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(stat["max_pos"], rows.max(), rtol=1e-6)
    np.testing.assert_array_equal(out, jax.jit(WAYS[way])(*args))


@pytest.mark.parametrize("rows", [(0,), (0, 4)])
def test_padding_without_rows_fits_a_batch_without_examples_and_no_other(rows):
    call = ops.observe(WAYS["steps"], statistics=ALL, rows=lambda *_: jnp.ones(rows))
    stat = call(W, X[:0])[1]["w"]
    assert stat["sum_count"] == 0 and not stat["sum_gram"].any()
    with pytest.raises(ValueError, match=r"'w' reads rows of shape \(3, 4\)"):
        call(W, X)


def test_pooled_examples_count_where_one_of_their_tokens_does():
    tokens = TOKENS.at[2].set(0)
    call = ops.observe(
        lambda p, x: x.max(1) @ p["w"],
        statistics=(ops.second_moments,),
        rows=lambda *_: tokens,
    )
    stat = call(W, X)[1]["w"]
    assert stat["sum_count"] == 2
    pooled = np.float64(X.max(1))[:2]
    np.testing.assert_allclose(stat["sum_squares"], (pooled**2).sum(0), rtol=1e-5)


def test_pixels_of_padded_images_do_not_count():
    x = jnp.asarray(DRAW.normal(size=(3, 6, 6, 2)), jnp.float32)
    w = jnp.ones((3, 3, 2, 4))

    def conv(w, x):
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    mask = jnp.array([1.0, 0.0, 1.0])
    stat = ops.observe(conv, rows=lambda *_: mask)(w, x)[1][""]
    wanted = np.square(np.float64(x)[[0, 2]]).sum((0, 1, 2))
    np.testing.assert_allclose(stat["sum_squares"], wanted, rtol=1e-5)
    assert stat["sum_count"] == 2 * 36


def test_rows_that_cannot_be_found_are_refused():
    call = ops.observe(lambda p, x: x.T @ p["w"].T, rows=lambda *_: jnp.ones(7))
    with pytest.raises(ValueError, match=r"'w' reads rows of shape \(3,\).*\(7,\)"):
        call(W, jnp.ones((2, 3)))


def test_tokens_in_one_dimension_with_their_examples_count_as_those_do():
    def product(w, x):
        return (x.reshape(-1, 5) @ w).reshape(*x.shape[:2], -1)

    mask = jnp.array([1.0, 0.0, 1.0])
    stat = ops.observe(product, rows=lambda *_: mask)(W["w"], X)[1][""]
    wanted = np.square(np.float64(X)[[0, 2]]).sum((0, 1))
    np.testing.assert_allclose(stat["sum_squares"], wanted, rtol=1e-5)
    assert stat["sum_count"] == 2 * X.shape[1]


def test_a_batch_without_masks_counts_whole():
    assert ops.rows({"inputs": X}) is None
    assert np.array_equal(ops.rows({"mask": TOKENS[0]}), TOKENS[0])
    assert np.array_equal(ops.rows({"token_mask": TOKENS}), TOKENS)


def test_int8_step_sizes_are_those_of_what_is_no_padding():
    model = models.mlp(widths=(4,), classes=2)
    batch = {"inputs": X[:, 0]}
    frozen = Frozen(*jax.jit(model.init)(jax.random.key(0), batch))
    padded = {
        "inputs": jnp.concatenate([X[:, 0], jnp.full((2, 5), 1e4)]),
        "mask": jnp.array([1, 1, 1, 0, 0]),
    }
    wanted = models.observe_int8(model, frozen, [batch]).state["activations"]
    found = models.observe_int8(model, frozen, [padded]).state["activations"]
    for key, scale in wanted.items():
        np.testing.assert_allclose(found[key], scale, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e-37])
def test_inputs_without_a_range_are_refused(value):
    model = models.mlp(widths=(4,), classes=2)
    frozen = Frozen(*jax.jit(model.init)(jax.random.key(0), {"inputs": X[:, 0]}))
    batch = {"inputs": jnp.zeros((3, 5)).at[0, 0].set(value)}
    with pytest.raises(ValueError, match="Dense_0/kernel' has no step size"):
        models.observe_int8(model, frozen, [batch])
    stats = {"a": {"max_pos": jnp.float32(value), "max_neg": jnp.float32(0)}}
    assert np.isnan(jax.jit(ops.activation_scales)(stats)["a"])


def test_tokens_of_two_lengths_are_not_told_apart_and_all_count():
    batch = {"source": TOKENS, "token_mask": TOKENS, "mask": jnp.array([1, 1, 0])}
    assert ops.rows(batch).tolist() == [1, 1, 0]
    del batch["mask"]
    assert ops.rows(batch) is None and ops.rows({"token_mask": TOKENS}) is TOKENS
