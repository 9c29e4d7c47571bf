import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops

ALL = (ops.ranges, ops.second_moments, ops.gram)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3, 4)).astype(np.float32)
W = RNG.normal(size=(4, 5)).astype(np.float32)


def layer(params, x):
    return jnp.einsum("btc,cd->btd", x, params["w"])


def check(stat, rows):
    rows = np.float64(rows)
    np.testing.assert_allclose(stat["max_pos"], rows.max(initial=0), rtol=1e-6)
    np.testing.assert_allclose(stat["max_neg"], (-rows).max(initial=0), rtol=1e-6)
    np.testing.assert_allclose(stat["sum_squares"], (rows**2).sum(0), rtol=1e-5)
    assert stat["sum_count"] == len(rows)
    np.testing.assert_allclose(stat["sum_gram"], rows.T @ rows, rtol=1e-4, atol=1e-4)


def test_statistics_equal_the_float64_equations():
    out, stats = ops.observe(layer, statistics=ALL)(
        {"w": jnp.asarray(W)}, jnp.asarray(X)
    )
    np.testing.assert_allclose(out, X @ W, rtol=1e-5, atol=1e-6)
    check(stats["w"], X.reshape(-1, 4))


def test_batches_merge_to_the_statistics_of_all_examples():
    call = jax.jit(ops.observe(layer, statistics=ALL))
    params = {"w": jnp.asarray(W)}
    parts = [call(params, jnp.asarray(part))[1] for part in (X[:2], X[2:])]
    check(ops.merge(*parts)["w"], X.reshape(-1, 4))


def test_merging_keeps_what_only_one_side_has_and_refuses_other_names():
    merged = ops.merge({"a": {"sum_x": 1}}, {"b": {"sum_x": 2}})
    assert merged == {"a": {"sum_x": 1}, "b": {"sum_x": 2}}
    with pytest.raises(ValueError, match=r"'mean' must be named max_\.\.\."):
        ops.merge({"a": {"mean": 1}}, {"a": {"mean": 2}})


def test_all_zero_and_one_sided_operands_have_identity_0():
    for x, wanted in ((jnp.zeros((1, 1, 4)), (0, 0)), (-jnp.ones((1, 1, 4)), (0, 1))):
        stat = ops.observe(layer)({"w": jnp.asarray(W)}, x)[1]["w"]
        assert (stat["max_pos"], stat["max_neg"]) == wanted


def test_a_convolution_has_moments_by_channel_and_no_gram():
    def conv(w, x):
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    x = jnp.asarray(RNG.normal(size=(2, 5, 5, 3)), jnp.float32)
    w = jnp.ones((3, 3, 3, 2))
    stat = ops.observe(conv)(w, x)[1][""]
    np.testing.assert_allclose(
        stat["sum_squares"], np.square(x).sum((0, 1, 2)), rtol=1e-5
    )
    with pytest.raises(ValueError, match="gram is for matrix products"):
        ops.observe(conv, statistics=ALL)(w, x)


def test_experts_and_batched_weights_keep_their_batch_dimension():
    def heads(w, x):
        return jnp.einsum("hbi,hij->hbj", x, w)

    x = jnp.asarray(X)
    stat = ops.observe(heads, statistics=ALL)(jnp.ones((6, 4, 2)), x)[1][""]
    np.testing.assert_allclose(stat["sum_squares"], np.square(X).sum(1), rtol=1e-5)
    wanted = np.einsum("hbi,hbj->hij", X, X)
    np.testing.assert_allclose(stat["sum_gram"], wanted, rtol=1e-4, atol=1e-5)


def test_both_operands_of_attention_are_observed_where_asked(examples):
    fn, args, _, _ = examples("linen language")
    (pair, *_) = [op.key for op in ops.products(fn, *args) if op.side is None]
    call = ops.observe(fn, where=(pair,), statistics=(ops.ranges,))
    _, stats = jax.jit(call)(*args)
    names = {"max_pos", "max_neg", "max_pos_rhs", "max_neg_rhs"}
    assert set(stats[pair]) == names
    assert all(x.shape == (3,) for x in stats[pair].values())


def test_scales_map_the_largest_magnitude_to_the_largest_code():
    stats = {
        "a": {"max_pos": jnp.array([1.0, 0.0]), "max_neg": jnp.array([12.7, 0.0])},
    }
    np.testing.assert_allclose(ops.activation_scales(stats)["a"], [0.1, 1], rtol=1e-6)
    scale = ops.activation_scales(stats, bits=4)["a"]
    np.testing.assert_allclose(scale, [12.7 / 7, 1], rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"'b' has no ranges: observe it with ops.ranges"
    ):
        ops.activation_scales({"b": {"sum_squares": 1}})


def test_time_adds_up_and_layers_stay_apart(examples):
    fn, args, _, _ = examples("control flow")
    _, stats = jax.jit(ops.observe(fn))(*args)
    assert stats["stack"]["sum_squares"].shape == (3, 4)
    assert stats["recurrent"]["sum_squares"].shape == (4,)
    assert stats["recurrent"]["sum_count"] == 5
    assert stats["while"]["sum_count"] == 10
