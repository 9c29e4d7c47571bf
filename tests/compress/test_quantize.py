import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jdistill import compress
from jdistill.ops import Use

W = jnp.asarray(np.random.default_rng(0).normal(size=(16, 24)), jnp.float32)


def applied(params, **options):
    c = compress.fake_quant(where="w", **options)
    return c.apply(params, *c.init(params))["w"]


def encoded(params, **options):
    c = compress.fake_quant(where="w", **options)
    return c.encode(params, *c.init(params))["w"]


def test_golden_codes_of_int8():
    w = jnp.array([[1.27, 0.5], [-0.335, -2.0], [0.004, 0.0]])
    found = encoded({"w": w})
    assert np.array_equal(found.codes, [[127, 32], [-34, -127], [0, 0]])
    np.testing.assert_allclose(found.scale, [[0.01, 2 / 127]], rtol=1e-6)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("per", ["channel", "tensor"])
def test_the_error_is_at_most_half_a_step(bits, per):
    scale = np.asarray(encoded({"w": W}, bits=bits, per=per).scale)
    assert scale.shape == ((1, 24) if per == "channel" else (1, 1))
    error = np.abs(applied({"w": W}, bits=bits, per=per) - W)
    assert np.all(error <= scale / 2 * (1 + 1e-5))


@pytest.mark.parametrize("bits", [3, 8])
def test_more_scales_leave_less_error(bits):
    def error(**options):
        return float(jnp.square(applied({"w": W}, bits=bits, **options) - W).sum())

    assert error() < error(per="tensor")


OUT_IN = Use(contracted=(1,), kept=(0,))
STACK = Use(contracted=(1,), kept=(2,), layers=(0,))
HEADS = Use(contracted=(0, 1), kept=(2,))


def used(w, use, **options):
    c = compress.fake_quant(**options)
    at = ({"w": w}, *c.init({"w": w}, products={"w": use}))
    return c.apply(*at)["w"], c.encode(*at)["w"]


def test_channels_are_the_outputs_whatever_the_layout():
    query = jnp.ones((16, 4, 4))
    assert used(query, Use((0,), (1, 2)))[1].scale.shape == (1, 4, 4)
    assert used(W, OUT_IN)[1].scale.shape == (16, 1)
    assert np.array_equal(used(W, OUT_IN)[0], applied({"w": W.T}).T)


def test_stacked_layers_are_quantised_like_independent_leaves():
    stack = jnp.stack([W, 100 * W, jnp.zeros_like(W)])
    found = used(stack, STACK)[0]
    assert np.array_equal(found, jnp.stack([applied({"w": w}) for w in stack]))


def test_an_embedding_and_a_tied_head_are_left_alone_unless_named():
    tied = Use((1,), (0,), looked_up=True)
    for where, wanted in ((None, False), ("tied", True)):
        c = compress.fake_quant(where=where)
        state = c.init({"w": W, "tied": W}, products={"w": OUT_IN, "tied": tied})[1]
        assert ("tied" in state) == wanted


@pytest.mark.parametrize(
    "use, size, shape",
    [
        (OUT_IN, 8, (16, 3)),
        (OUT_IN, 24, (16, 1)),
        (OUT_IN, 100, (16, 1)),
        (Use((0,), (1,)), 8, (2, 24)),
    ],
)
def test_groups_are_consecutive_inputs(use, size, shape):
    assert used(W, use, group_size=size)[1].scale.shape == shape


@pytest.mark.parametrize(
    "size, shape", [(4, (3, 2, 5)), (8, (3, 1, 5)), (24, (1, 1, 5))]
)
def test_groups_run_through_several_axes_in_order(size, shape):
    w = jnp.asarray(np.random.default_rng(1).normal(size=(3, 8, 5)), jnp.float32)
    found, form = used(w, HEADS, group_size=size)
    assert form.scale.shape == shape
    flat = used(w.reshape(24, 5), Use((0,), (1,)), group_size=size)[0]
    assert np.array_equal(found, flat.reshape(w.shape))


def test_a_group_that_does_not_divide_is_named():
    with pytest.raises(ValueError, match=r"group_size=7 does not divide.*'w', \(24,\)"):
        used(W, OUT_IN, group_size=7)
    with pytest.raises(ValueError, match="leave per='tensor' out"):
        compress.fake_quant(group_size=8, per="tensor")


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([(OUT_IN, (6, 12)), (STACK, (2, 12, 3)), (HEADS, (3, 4, 5))]),
    st.sampled_from([jnp.float32, jnp.bfloat16, jnp.float16]),
    st.integers(2, 8),
    st.sampled_from([None, 2, 4, 12]),
    st.sampled_from(["symmetric", "affine"]),
    st.sampled_from(["float32", "float16", "bfloat16"]),
    st.integers(0, 2**16),
)
def test_decoding_is_bit_equal_to_applying(way, dtype, bits, size, codes, scale, seed):
    use, shape = way
    draw = np.random.default_rng(seed)
    w = jnp.asarray(draw.normal(size=shape) * 10.0 ** draw.integers(-2, 3), dtype)
    w = w.at[0].set(jnp.abs(w[0]))  # a range on one side of 0
    options = dict(bits=bits, group_size=size, codes=codes, scale_dtype=scale)
    values, form = used(w, use, **options)
    assert values.dtype == dtype and form.scale.dtype == scale
    compiled = jax.jit(lambda w: used(w, use, **options))(w)
    for found in (compiled[0], compress.decode(form), compress.decode(compiled[1])):
        assert np.array_equal(found, values)
    assert not np.any(np.asarray(values)[np.asarray(w) == 0])


@pytest.mark.parametrize("codes", ["symmetric", "affine"])
@pytest.mark.parametrize(
    "value, dtype", [(np.nan, "float32"), (np.inf, "float32"), (1e-37, "float32"),
                     (1e-6, "float16"), (1e8, "float16"), (-np.inf, "bfloat16")],
)  # fmt: skip
def test_a_weight_without_a_step_size_is_refused_or_stays_nan(value, dtype, codes):
    w = jnp.ones((3, 4)).at[:, 1].set(0).at[2, 1].set(value)
    options = dict(codes=codes, scale_dtype=dtype)
    with pytest.raises(ValueError, match="'w' has no step size"):
        used(w, Use((0,), (1,)), **options)
    values, form = jax.jit(lambda w: used(w, Use((0,), (1,)), **options))(w)
    for found in (values, compress.decode(form)):
        assert np.all(np.isnan(found[:, 1]))
        np.testing.assert_allclose(found[:, (0, 2, 3)], 1, rtol=1e-2)


def test_a_weight_with_one_axis_has_one_scale():
    assert encoded({"w": W[0]}).scale.shape == (1,)


def test_bits_decide_how_many_values_there_are():
    assert set(np.unique(encoded({"w": W}, bits=2).codes)) == {-1, 0, 1}


def test_integers_are_left_alone_also_when_selected():
    w = jnp.arange(5)
    c = compress.fake_quant(where=".*")
    assert c.apply({"w": w}, *c.init({"w": w}))["w"] is w


def test_scales_follow_the_weights_without_an_update():
    c = compress.fake_quant(where="w")
    at = c.init({"w": W})
    np.testing.assert_allclose(
        c.apply({"w": 4 * W}, *at)["w"], 4 * c.apply({"w": W}, *at)["w"]
    )


@pytest.mark.parametrize("shape", [(3, 3, 4, 32), (33, 257), (300, 1)])
@pytest.mark.parametrize("bits", [3, 8])
def test_compiled_and_eager_values_are_the_same_bit_for_bit(shape, bits):
    draw = np.random.default_rng(sum(shape))
    for dtype in (jnp.float32, jnp.bfloat16):
        w = {"w": jnp.asarray(draw.normal(size=shape), dtype)}
        eager = applied(w, bits=bits)
        assert eager.dtype == dtype
        assert np.array_equal(eager, jax.jit(lambda w: applied(w, bits=bits))(w))
        assert np.array_equal(eager, compress.decode(encoded(w, bits=bits)))


def test_an_unknown_granularity_lists_the_choices():
    with pytest.raises(ValueError, match=r"per must be one of 'channel', 'tensor'"):
        compress.fake_quant(per="row")


@pytest.mark.parametrize("bits", [9, 1])
def test_bits_out_of_range_are_named(bits):
    with pytest.raises(
        ValueError, match=f"bits must be 2 to 8, an integer, got {bits}"
    ):
        compress.fake_quant(bits=bits)


def test_an_empty_weight_is_refused_by_its_path():
    with pytest.raises(ValueError, match="'w' is empty: leave it out with where="):
        applied({"w": jnp.zeros((0, 4)), "v": W})
