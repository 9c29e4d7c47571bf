import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops


def normal(*shape):
    return jnp.asarray(
        np.random.default_rng(len(shape)).normal(size=shape), jnp.float32
    )


def prepared(fn, params, rest, axes):
    """Fake-quantised parameters, and the step sizes of every product."""
    paths = ops.weights(fn, params, *rest)
    flat = {p: x for p, x in params.items() if p in paths}
    scales = {p: ops.absmax_scale(x, axes=axes[p]) for p, x in flat.items()}
    params = params | {p: ops.fake_quantize(x, scales[p]) for p, x in flat.items()}
    _, stats = jax.jit(ops.observe(fn))(params, *rest)
    aux = {
        key: {"activation": scale, "weight": scales[key.split("#")[0]]}
        for key, scale in ops.activation_scales(stats).items()
    }
    return params, aux


def assert_executed_equals_simulated(fn, params, rest, axes, rtol=1e-6):
    params, aux = prepared(fn, params, rest, axes)
    simulated = jax.jit(ops.rewrite(fn, ops.simulate_int8))(aux, params, *rest)
    executed = jax.jit(ops.rewrite(fn, ops.execute_int8))(aux, params, *rest)
    scale = np.abs(simulated).max()
    np.testing.assert_allclose(
        executed / scale, simulated / scale, atol=rtol, rtol=rtol
    )
    plain = jax.jit(fn)(params, *rest)
    assert not np.array_equal(simulated, plain)
    np.testing.assert_allclose(simulated / scale, plain / scale, atol=0.1)


PRODUCTS = {
    "right": (lambda p, x: x @ p["w"], (6, 5), (4, 6), (0,)),
    "left": (lambda p, x: p["w"] @ x, (5, 6), (6, 4), (1,)),
    "per tensor": (lambda p, x: x @ p["w"], (6, 5), (4, 6), None),
    "transposed": (lambda p, x: x @ p["w"].T, (5, 6), (4, 6), (1,)),
    "heads": (
        lambda p, x: (x @ p["w"].reshape(6, 8)).reshape(4, 2, 4),
        (6, 2, 4), (4, 6), (0,),
    ),
    "heads out": (
        lambda p, x: jnp.einsum("bhi,hio->bo", x, p["w"]), (2, 3, 5), (4, 2, 3), (0, 1)
    ),
    "batched": (
        lambda p, x: jnp.einsum("bhi,hio->bho", x, p["w"]), (2, 3, 5), (4, 2, 3), (1,)
    ),
    "sliced": (lambda p, x: x @ p["w"][:, 2:], (6, 5), (4, 6), (0,)),
    "layers": (
        lambda p, x: jax.lax.scan(lambda x, w: (jnp.sin(x @ w.T), None), x, p["w"])[0],
        (3, 6, 6), (4, 6), (2,),
    ),
    "layers per tensor": (
        lambda p, x: jax.lax.scan(lambda x, w: (jnp.sin(x @ w), None), x, p["w"])[0],
        (3, 6, 6), (4, 6), (1, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_int8_execution_equals_simulation(name):
    fn, weight, x, axes = PRODUCTS[name]
    assert_executed_equals_simulated(
        fn, {"w": normal(*weight)}, (normal(*x),), {"w": axes}, 2e-6
    )


CONVOLUTIONS = {
    "plain": ({}, (3, 3, 4, 6)),
    "strided": ({"window_strides": (2, 2)}, (3, 3, 4, 6)),
    "grouped": ({"feature_group_count": 2}, (3, 3, 2, 6)),
    "dilated": ({"rhs_dilation": (2, 2)}, (3, 3, 4, 6)),
    "transposed": ({"lhs_dilation": (2, 2), "padding": [(1, 1)] * 2}, (3, 3, 4, 6)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_int8_convolutions_equal_their_simulation(name):
    options, shape = CONVOLUTIONS[name]
    defaults = dict(window_strides=(1, 1), padding="SAME")
    numbers = ("NHWC", "HWIO", "NHWC")

    def fn(p, x):
        return jax.lax.conv_general_dilated(
            x, p["w"], dimension_numbers=numbers, **{**defaults, **options}
        )

    x = normal(2, 7, 7, 4)
    assert_executed_equals_simulated(fn, {"w": normal(*shape)}, (x,), {"w": (0, 1, 2)})


def test_integer_sums_equal_the_simulation_s_exactly():
    """The float32 product of codes is exact while sums stay below 2^24."""
    rng = np.random.default_rng(0)
    lhs = jnp.asarray(rng.integers(-127, 128, (3, 1000)), jnp.float32)
    rhs = jnp.asarray(rng.integers(-127, 128, (1000, 4)), jnp.float32)
    aux = {"": {"activation": jnp.array(1.0), "weight": jnp.ones((1, 1))}}

    def fn(w, x):
        return x @ w

    found = jax.jit(ops.rewrite(fn, ops.execute_int8))(aux, rhs, lhs)
    wanted = np.int64(lhs) @ np.int64(rhs)
    np.testing.assert_array_equal(np.int64(found), wanted)
    simulated = jax.jit(ops.rewrite(fn, ops.simulate_int8))(aux, rhs, lhs)
    np.testing.assert_array_equal(np.int64(simulated), wanted)


def test_the_compiled_program_multiplies_int8():
    call = ops.rewrite(lambda w, x: x @ w, ops.execute_int8)
    aux = {"": {"activation": jnp.array(1.0), "weight": jnp.ones((1, 1))}}
    jaxpr = jax.make_jaxpr(call)(aux, normal(3, 2), normal(4, 3))
    (line,) = [x for x in str(jaxpr).splitlines() if "dot_general" in x]
    assert "i32[4,2]" in line
    (op,) = ops.products(call, aux, normal(3, 2), normal(4, 3), weights=(1,))
    assert op.avals[0].dtype == jnp.int8


def test_execution_has_the_gradient_of_simulation():
    params, aux = prepared(PRODUCTS["right"][0], {"w": normal(6, 5)}, (normal(4, 6),),
                           {"w": (0,)})  # fmt: skip
    x = normal(4, 6)

    def slopes(rule):
        call = ops.rewrite(PRODUCTS["right"][0], rule)
        loss = jax.jit(jax.grad(lambda p, x: jnp.sin(call(aux, p, x)).sum(), (0, 1)))
        return loss(params, x)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
        slopes(ops.execute_int8), slopes(ops.simulate_int8),
    )  # fmt: skip


def test_a_whole_language_model_runs_in_int8(examples):
    fn, args, weights, _ = examples("linen language")
    from jdistill import tree

    def axes(path, x):
        summed = {"key": (1,), "query": (1,), "value": (1,), "out": (1, 2)}
        dense = (1,)
        return summed.get(path.split("/")[-2], dense)

    scales = {
        p: ops.absmax_scale(x, axes=axes(p, x))
        for p, x in tree.flatten(args[0]).items()
        if p in weights
    }
    params = tree.map_where(
        lambda p, x: ops.fake_quantize(x, scales[p]), args[0], weights
    )
    args = (params, *args[1:])
    _, stats = jax.jit(ops.observe(fn))(*args)
    aux = {
        key: {"activation": scale, "weight": scales[key]}
        for key, scale in ops.activation_scales(stats).items()
    }
    assert sorted(aux) == sorted(weights)
    one, two = (
        jax.jit(ops.rewrite(fn, rule))(aux, *args)
        for rule in (ops.simulate_int8, ops.execute_int8)
    )
    np.testing.assert_allclose(one, two, atol=1e-2 * np.abs(one).max())
    plain = jax.jit(fn)(*args)
    assert np.abs(one - plain).max() <= 0.1 * np.abs(plain).max()


def test_activation_scales_can_be_learned_through_simulation():
    def learned(op, lhs, rhs, product, aux):
        return product(lhs * aux, rhs)

    call = ops.rewrite(lambda w, x: x @ w, learned)
    slope = jax.grad(lambda a: call({"": a}, jnp.ones((2, 1)), jnp.ones((1, 2))).sum())
    assert slope(jnp.ones((1, 1))) == 2


FAULTS = {
    "lacks 'activation'": (lambda p, x: x @ p["w"], {}),
    "lacks 'weight'": (lambda p, x: x @ p["w"], {"activation": 1.0}),
    r"must be one number, not of shape \(2,\)": (
        lambda p, x: x @ p["w"], {"activation": np.ones(2), "weight": 1.0}
    ),
    "differ along axis 0 of the parameter": (
        lambda p, x: x @ p["w"], {"activation": 1.0, "weight": np.ones((2, 1))}
    ),
    "which must have the rank of the parameter": (
        lambda p, x: x @ p["w"], {"activation": 1.0, "weight": np.ones(2)}
    ),
    "arithmetic between the parameter and the product": (
        lambda p, x: x @ (p["w"] * 2), {"activation": 1.0, "weight": np.ones((1, 2))}
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", FAULTS)
def test_what_is_missing_or_does_not_fit_is_named(message):
    fn, aux = FAULTS[message]
    call = ops.rewrite(fn, ops.execute_int8)
    with pytest.raises(ValueError, match=message):
        call({"w": aux}, {"w": jnp.ones((2, 2))}, jnp.ones((1, 2)))


def test_a_product_of_activations_is_refused():
    call = ops.rewrite(lambda p, x: x @ x.T, ops.simulate_int8, where="dot_general")
    with pytest.raises(ValueError, match="'dot_general' reads no weight"):
        call({"dot_general": {"activation": 1.0}}, {}, jnp.ones((1, 2)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 6), (3, 1, 1), (3, 1, 2)])
def test_scales_that_broadcast_over_layers_execute(shape):
    """A leading axis of length 1 is one scale for all layers of a scan."""

    def fn(p, x):
        return jax.lax.scan(lambda x, w: (jnp.sin(x @ w), None), x, p["w"])[0]

    rng = np.random.default_rng(0)
    scale = jnp.asarray(rng.uniform(0.005, 0.02, shape), jnp.float32)
    params = {"w": ops.fake_quantize(normal(3, 6, 6), scale)}
    aux = {"w": {"activation": jnp.full((), 0.02), "weight": scale}}
    simulated = jax.jit(ops.rewrite(fn, ops.simulate_int8))(aux, params, normal(4, 6))
    executed = jax.jit(ops.rewrite(fn, ops.execute_int8))(aux, params, normal(4, 6))
    np.testing.assert_allclose(executed, simulated, atol=2e-6)
    assert np.abs(simulated - fn(params, normal(4, 6))).max() > 1e-4


@pytest.mark.parametrize("terms", [133_144, 133_145, 140_000, 300_000])
def test_more_products_than_int32_holds_are_summed_in_parts(terms):
    """The largest codes, so that an int32 sum would wrap."""
    x, w = jnp.ones((1, terms)), jnp.ones((terms, 2))
    aux = {"": {"activation": jnp.float32(1 / 127), "weight": jnp.float32(1 / 127)}}
    found = ops.rewrite(lambda w, x: x @ w, ops.execute_int8)(aux, w, x)
    np.testing.assert_allclose(found, terms, rtol=1e-5)


def test_a_convolution_of_more_products_than_int32_holds_is_refused():
    def conv(w, x):
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    w, x = jnp.ones((2, 2, 40_000, 1)), jnp.ones((1, 2, 2, 40_000))
    aux = {"": {"activation": jnp.float32(1), "weight": jnp.float32(1)}}
    with pytest.raises(ValueError, match="sums 160000 products of int8 codes"):
        ops.rewrite(conv, ops.execute_int8)(aux, w, x)


def with_nan(fn, weight, x, axes):
    """Simulated and executed, where one number of the second row of x is NaN."""
    params, aux = prepared(fn, {"w": weight}, (x,), {"w": axes})
    x = x.at[(1,) * x.ndim].set(jnp.nan)
    return [
        np.asarray(jax.jit(ops.rewrite(fn, rule))(aux, params, x))
        for rule in (ops.simulate_int8, ops.execute_int8)
    ]


@pytest.mark.parametrize("name", ["right", "left", "batched", "layers per tensor"])
def test_a_nan_activation_stays_nan_where_it_is_read_and_nowhere_else(name):
    fn, weight, x, axes = PRODUCTS[name]
    simulated, executed = with_nan(fn, normal(*weight), normal(*x), axes)
    np.testing.assert_array_equal(np.isnan(executed), np.isnan(simulated))
    assert np.isnan(executed).any() and not np.isnan(executed).all()


@pytest.mark.parametrize(
    "numbers", [("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "CNHW")]
)
def test_a_nan_activation_spoils_its_example_of_a_convolution(numbers):
    def fn(p, x):
        return jax.lax.conv_general_dilated(
            x, p["w"], (1, 1), "SAME", dimension_numbers=numbers
        )

    shape = (3, 3, 4, 6) if numbers[1] == "HWIO" else (6, 4, 3, 3)
    axes = (0, 1, 2) if numbers[1] == "HWIO" else (1, 2, 3)
    x = normal(2, 7, 7, 4) if numbers[0] == "NHWC" else normal(2, 4, 7, 7)
    simulated, executed = with_nan(fn, normal(*shape), x, axes)
    examples = numbers[2].index("N")
    spoilt = np.moveaxis(np.isnan(executed), examples, 0)
    assert spoilt[1].all() and not spoilt[0].any()
    assert np.isnan(executed)[np.isnan(simulated)].all()
