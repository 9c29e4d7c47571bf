import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops


def ones(*shape):
    return jnp.ones(shape)


def only(fn, *args, **kwargs):
    (op,) = ops.products(fn, *args, **kwargs)
    return op


def test_the_weights_of_every_framework_are_found(example):
    assert ops.weights(example.fn, *example.args) == example.weights
    assert ops.uncovered(example.fn, *example.args) == example.unread
    assert ops.opaque(example.fn, *example.args) == ()


def test_shapes_are_enough(example):
    shapes = jax.eval_shape(lambda: example.args)
    assert ops.weights(example.fn, *shapes) == example.weights


def test_attention_inside_scan_and_remat_is_described(examples):
    fn, args, _, _ = examples("linen language")
    found = {op.key: op for op in ops.products(fn, *args)}
    query = found["layers/MultiHeadDotProductAttention_0/query/kernel"]
    assert query.lead == (3,) and query.times == 3 and query.side == 1
    assert "scan" in query.inside and "remat2" in query.inside
    assert query.module.endswith("MultiHeadDotProductAttention_0/query")
    assert query.weight[0].shape == (3, 8, 2, 4)
    assert query.weight[0].axes[0] == (1,)
    pairs = [op for op in found.values() if op.side is None]
    assert [op.lead for op in pairs] == [(3,), (3,)]
    assert all("dot_general" in op.key and not op.weight for op in pairs)
    tied = found["Embed_0/embedding"]
    assert tied.lead == () and tied.times == 1


def test_a_weight_used_again_gets_a_number():
    ops_found = ops.products(
        lambda w, x: jnp.tanh(x @ w["a"]) @ w["a"], {"a": ones(2, 2)}, ones(1, 2)
    )
    assert [op.key for op in ops_found] == ["a", "a#1"]


def test_a_block_called_twice_is_two_operations():
    block = jax.jit(lambda w, x: x @ w)
    found = ops.products(lambda w, x: block(w, block(w, x)), ones(2, 2), ones(1, 2))
    assert len({op.pos for op in found}) == 2


def test_a_weight_may_be_on_either_side():
    assert only(lambda w, x: w @ x, ones(3, 2), ones(2, 5)).side == 0
    assert only(lambda w, x: x @ w, ones(3, 2), ones(5, 3)).side == 1


@pytest.mark.parametrize(
    "make, axes",
    [
        (lambda w: w.T, ((1,), (0,))),
        (lambda w: w.astype(jnp.bfloat16).astype(jnp.float32), ((0,), (1,))),
        (lambda w: w[:, :2], ((0,), (1,))),
        (lambda w: w.reshape(3, 2, 2).transpose(1, 0, 2).reshape(2, 6),
         ((1,), (0, 1))),
        (lambda w: w * ones(3, 4), ((0,), (1,))),
        (lambda w: jnp.where(w > 0, w - w.mean(), 0), ((0,), (1,))),
        (lambda w: w + w.reshape(4, 3).T, None),
        (lambda w: jnp.concatenate([w, w]), None),
        (lambda w: w[None][0], ((0,), (1,))),
        (lambda w: jnp.split(w, 2, axis=1)[1], ((0,), (1,))),
    ],
)  # fmt: skip
def test_the_parameter_s_axes_are_followed_to_the_operand(make, axes):
    shape = jax.eval_shape(make, ones(3, 4)).shape
    op = only(lambda w, x: x @ make(w["a"]), {"a": ones(3, 4)}, ones(1, shape[0]))
    assert op.key == "a" and op.weight[0].axes == axes


def test_low_rank_updates_count_as_weights():
    params = {"w": ones(3, 4), "a": ones(3, 1), "b": ones(1, 4)}
    found = ops.products(
        lambda p, x: x @ (p["w"] + p["a"] @ p["b"]), params, ones(2, 3)
    )
    assert [op.side for op in found] == [None, 1]
    assert found[1].key == "a+b+w"
    paths = ops.weights(lambda p, x: x @ (p["w"] + p["a"] @ p["b"]), params, ones(2, 3))
    assert paths == ("a", "b", "w")


def test_several_arguments_of_parameters_are_told_apart():
    def fn(a, x, b):
        return x @ a["w"] @ b["w"]

    args = {"w": ones(2, 2)}, ones(1, 2), {"w": ones(2, 2)}
    assert ops.weights(fn, *args, weights=(0, 2)) == ("0/w", "2/w")
    with pytest.raises(ValueError, match=r"weights=\(3,\) but there are 3 arguments"):
        ops.weights(fn, *args, weights=(3,))


def test_a_batch_that_enters_a_carry_late_is_not_a_weight():
    def fn(w, x):
        def step(carry, _):
            a, b = carry
            return (b, x), a @ w["out"]

        return jax.lax.scan(step, (w["start"], w["start"]), None, length=3)[1]

    params = {"start": ones(2, 2), "out": ones(2, 2)}
    assert only(fn, params, ones(2, 2)).key == "out"


def test_a_positional_table_sliced_by_time_does_not_make_layers():
    def fn(params, x):
        def step(h, slices):
            x, place = slices
            return jnp.tanh((h + x + place) @ params["w"]), None

        return jax.lax.scan(step, x[0], (x, params["place"]))[0]

    params = {"w": ones(2, 2), "place": ones(5, 3, 2)}
    op = only(fn, params, ones(5, 3, 2))
    assert op.key == "w" and op.lead == () and op.times == 5


def test_loops_of_unknown_length_run_an_unknown_number_of_times():
    def fn(w, x):
        return jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: x @ w, x)

    assert only(fn, ones(2, 2), ones(1, 2)).times is None


def test_a_mixture_of_experts_is_the_third_kind():
    op = only(
        lambda w, x, n: jax.lax.ragged_dot(x, w["experts"], n),
        {"experts": ones(2, 3, 4)}, ones(5, 3), jnp.array([2, 3]),
    )  # fmt: skip
    assert (op.kind, op.key, op.side) == ("ragged_dot_general", "experts", 1)


def test_parameters_closed_over_are_refused():
    w = ones(3, 2)
    with pytest.raises(ValueError, match="pass the parameters as an argument"):
        ops.weights(lambda params, x: x @ w, {}, ones(1, 3))
    with pytest.raises(ValueError, match="pass the parameters as an argument"):
        ops.observe(lambda params, x: x @ w)({}, ones(1, 3))


def test_opaque_readers_are_listed_and_refused_where_selected():
    @functools.partial(jax.custom_batching.custom_vmap)
    def product(w, x):
        return x @ w

    @product.def_vmap
    def _(size, batched, w, x):
        return jnp.einsum("bij,bki->bkj", w, x), True

    def back(w):
        shape = jax.ShapeDtypeStruct(w.shape, w.dtype)
        return jax.pure_callback(lambda w: np.asarray(w), shape, w)

    def fn(params, x):
        return product(params["a"], x) @ back(params["b"]) @ params["c"]

    params = {name: ones(2, 2) for name in "abc"}
    names = [(o.primitive, o.weights) for o in ops.opaque(fn, params, ones(1, 2))]
    assert names == [("custom_vmap_call", ("a",)), ("pure_callback", ("b",))]
    assert ops.uncovered(fn, params, ones(1, 2)) == ("a",)
    with pytest.raises(ValueError, match="where selects 'a', which custom_vmap_call"):
        ops.observe(fn, where="a")(params, ones(1, 2))
    _, stats = ops.observe(fn, where="c")(params, ones(1, 2))
    assert list(stats) == ["c"]


def test_a_kernel_that_cannot_be_looked_into_is_named():
    from jax.experimental import pallas as pl

    def kernel(w, x, o):
        o[...] = x[...] @ w[...]

    def fn(w, x):
        shape = jax.ShapeDtypeStruct((4, 4), jnp.float32)
        return pl.pallas_call(kernel, out_shape=shape, interpret=True)(w["a"], x)

    params = {"a": ones(4, 4)}
    assert ops.opaque(fn, params, ones(4, 4))[0].primitive == "pallas_call"
    with pytest.raises(ValueError, match="where selects 'a', which pallas_call reads"):
        ops.observe(fn, where="a")(params, ones(4, 4))


def test_parameters_come_in_the_order_in_which_they_meet_the_batch():
    def layer(x, w):
        return jnp.tanh(x @ w["kernel"] + w["bias"][None]) * w["scale"][None], None

    def fn(params, ids):
        x = params["z_table"][ids]
        x, _ = jax.lax.scan(jax.checkpoint(layer), x, params["m_layers"])
        return jax.jit(lambda x, w: x @ w.T)(x, params["a_head"])

    params = {
        "a_head": ones(7, 4),
        "m_layers": {"bias": ones(3, 4), "kernel": ones(3, 4, 4), "scale": ones(3, 4)},
        "unused": ones(2),
        "z_table": ones(9, 4),
    }
    found = ops.order(fn, params, jnp.zeros(5, int))
    inside = ("m_layers/kernel", "m_layers/bias", "m_layers/scale")
    assert found == ("z_table", *inside, "a_head")
