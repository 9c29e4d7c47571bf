import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress

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


def test_another_axis_may_be_that_of_the_channels():
    assert encoded({"w": W}, axis=0).scale.shape == (16, 1)


def test_stacked_layers_are_quantised_like_independent_leaves():
    stack = jnp.stack([W, 100 * W, jnp.zeros_like(W)])
    found = applied({"w": stack}, stacked="w")
    assert np.array_equal(found, jnp.stack([applied({"w": w}) for w in stack]))


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
    with pytest.raises(ValueError, match=r"per must be one of \['channel', 'tensor'\]"):
        compress.fake_quant(per="row")


def test_bits_out_of_range_are_named():
    with pytest.raises(ValueError, match="bits must be 2 to 8, got 9"):
        compress.fake_quant(bits=9)
