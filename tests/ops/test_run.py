import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jdistill import ops


def same(op, lhs, rhs, product, aux):
    return product(lhs, rhs), None


def scaled(op, lhs, rhs, product, aux):
    out = product(lhs, rhs)
    return out if aux is None else out * aux.reshape((1,) * out.ndim), None


def seen(op, lhs, rhs, product, aux):
    stat = {"max_out": jnp.abs(lhs).max(), "sum_calls": jnp.float32(1)}
    return product(lhs, rhs), stat


def assert_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def value_and_slopes(fn):
    def loss(params, *rest):
        out = fn(params, *rest)
        return jnp.sum(jnp.square(out)), out

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def test_a_visitor_that_does_nothing_changes_no_bit_of_outputs_or_gradients(example):
    fn, args, _, _ = example
    call = ops.interpret(fn, same)
    wanted = value_and_slopes(fn)(*args)
    assert_equal(value_and_slopes(lambda *a: call({}, *a)[0])(*args), wanted)


def test_the_compiled_program_keeps_its_rematerialisation(examples):
    fn, args, _, _ = examples("linen language")
    call = ops.interpret(fn, same)
    texts = [
        value_and_slopes(f).lower(*args).compile().as_text()
        for f in (fn, lambda *a: call({}, *a)[0])
    ]
    lines = [len(text.splitlines()) for text in texts]
    assert abs(lines[0] - lines[1]) <= 0.02 * lines[0]


def test_every_product_is_visited(example):
    fn, args, _, _ = example
    _, stats = jax.jit(lambda *a: ops.interpret(fn, seen)({}, *a))(*args)
    keys = [op.key for op in ops.products(fn, *args) if op.weight]
    assert sorted(stats) == sorted(keys)


def test_statistics_of_layers_are_stacked_and_those_of_time_are_joined(examples):
    fn, args, _, _ = examples("control flow")
    _, stats = jax.jit(ops.interpret(fn, seen))({}, *args)
    calls = {key: np.asarray(stat["sum_calls"]) for key, stat in stats.items()}
    np.testing.assert_array_equal(calls["stack"], np.ones(3))
    assert calls["recurrent"] == 5
    assert calls["while"] == 2
    assert calls["custom_vjp"] == 3
    assert calls["cond"] == 0
    assert stats["cond"]["max_out"] == 0


def test_stacked_statistics_equal_a_loop_over_layers():
    rng = np.random.default_rng(0)
    stack = jnp.asarray(rng.normal(size=(2, 3, 4, 4)), jnp.float32)
    x = jnp.asarray(rng.normal(size=(5, 4)), jnp.float32)

    def fn(params, x):
        def layer(x, w):
            return jnp.tanh(x @ w), None

        def group(x, ws):
            return jax.lax.scan(layer, x, ws, reverse=True)

        return jax.lax.scan(group, x, params["w"])[0]

    (op,) = ops.products(fn, {"w": stack}, x)
    assert op.lead == (2, 3) and op.times == 6
    _, stats = jax.jit(ops.interpret(fn, seen))({}, {"w": stack}, x)
    wanted, y = np.zeros((2, 3)), np.asarray(x)
    for i in range(2):
        for j in reversed(range(3)):
            wanted[i, j] = np.abs(y).max()
            y = np.tanh(y @ np.asarray(stack[i, j]))
    np.testing.assert_allclose(stats["w"]["max_out"], wanted, rtol=1e-5)


def test_aux_is_sliced_by_layer_and_can_be_differentiated(examples):
    fn, args, _, _ = examples("control flow")
    call = jax.jit(ops.interpret(fn, scaled))
    aux = {"stack": jnp.array([1.0, 2.0, 3.0]), "recurrent": jnp.array(0.5)}
    aux |= {"custom_jvp": jnp.array(1.5), "while": jnp.array(0.7)}
    params, x = args
    moved = {
        k: v * (aux[k][:, None, None] if k == "stack" else aux[k]) if k in aux else v
        for k, v in params.items()
    }
    np.testing.assert_allclose(
        call(aux, params, x)[0], jax.jit(fn)(moved, x), rtol=2e-5
    )
    slope = jax.jit(jax.grad(lambda a: call(a, params, x)[0].sum()))(aux)
    for key, step in (("while", 1e-2), ("custom_jvp", 1e-2)):
        up, down = (
            call({**aux, key: aux[key] + s}, params, x)[0].sum() for s in (step, -step)
        )
        np.testing.assert_allclose(slope[key], (up - down) / (2 * step), rtol=2e-2)
    assert slope["stack"].shape == (3,) and np.all(slope["stack"] != 0)


def test_aux_reaches_a_custom_vjp_and_its_own_rule_stays():
    @jax.custom_vjp
    def tripled(w, x):
        return x @ w

    tripled.defvjp(
        lambda w, x: (x @ w, (w, x)), lambda r, g: (3 * r[1].T @ g, 3 * g @ r[0].T)
    )
    w, x = jnp.full((2, 1), 2.0), jnp.ones((1, 2))
    call = ops.interpret(lambda w, x: tripled(w, x), scaled)
    assert call({"": jnp.array(5.0)}, w, x)[0] == 20
    aux, own = jax.grad(lambda a, w: call(a, w, x)[0].sum(), (0, 1))(
        {"": jnp.array(5.0)}, w
    )
    assert aux[""] == 4
    np.testing.assert_array_equal(own, np.full((2, 1), 3.0))


def test_forward_mode_passes_through_a_custom_jvp(examples):
    fn, args, _, _ = examples("linen perceptron")
    call = ops.interpret(fn, same)
    tangents = (jax.tree.map(jnp.ones_like, args[0]), *args[1:])
    wanted, found = (
        jax.jit(lambda f=f: jax.jvp(f, args, tangents)[1])()
        for f in (fn, lambda *a: call({}, *a)[0])
    )
    np.testing.assert_array_equal(found, wanted)


def test_a_user_s_tangent_rule_stays_and_integers_pass():
    @jax.custom_jvp
    def scaled_rows(w, x, n):
        return (x @ w) * n.astype(jnp.float32).reshape(1, 1), n + 1

    @scaled_rows.defjvp
    def _(primals, tangents):
        w, x, n = primals
        dw = tangents[0]
        out = scaled_rows(w, x, n)
        return out, (7 * x @ dw, np.zeros((), jax.dtypes.float0))

    w, x, n = jnp.ones((2, 1)), jnp.ones((1, 2)), jnp.array(2)
    call = ops.interpret(lambda w, x, n: scaled_rows(w, x, n)[0].sum(), scaled)
    aux = {"": jnp.array(3.0)}
    assert call(aux, w, x, n)[0] == 12
    np.testing.assert_array_equal(
        jax.grad(lambda w: call(aux, w, x, n)[0])(w), np.full((2, 1), 7.0)
    )
    assert jax.grad(lambda a: call(a, w, x, n)[0])(aux)[""] == 4


def test_vmap_outside_batches_aux_and_statistics(examples):
    fn, args, _, _ = examples("control flow")
    call = ops.interpret(fn, scaled)
    factors = jnp.array([0.5, 1.0, 2.0])
    one = jax.jit(lambda s: call({"recurrent": s}, *args)[0])
    many = jax.jit(jax.vmap(one))(factors)
    one = jnp.stack([one(s) for s in factors])
    np.testing.assert_allclose(many, one, rtol=1e-5)
    stats = jax.eval_shape(
        jax.vmap(lambda x: ops.interpret(fn, seen)({}, args[0], x)[1]),
        jnp.stack([args[1]] * 2),
    )
    assert stats["stack"]["max_out"].shape == (2, 3)


def test_gradient_functions_can_be_interpreted(examples):
    fn, args, weights, _ = examples("linen language")
    slopes = jax.grad(lambda *a: jnp.square(fn(*a)).mean())
    assert ops.weights(slopes, *args) == weights
    call = ops.interpret(slopes, same)
    wanted = jax.jit(slopes)(*args)
    found = jax.jit(lambda *a: call({}, *a)[0])(*args)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, wanted
    )


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_a_sharded_batch_gives_the_same_numbers(examples, kind):
    fn, args, _, _ = examples("linen perceptron")
    mesh = jax.make_mesh((4,), ("data",), axis_types=(kind,))
    call = ops.interpret(fn, seen)
    wanted = jax.jit(call)({}, *args)
    with jax.set_mesh(mesh):
        x = jax.device_put(args[2], NamedSharding(mesh, P("data")))
        params = jax.device_put(args[0], NamedSharding(mesh, P()))
        out, stats = jax.jit(call)({}, params, {}, x)
    np.testing.assert_allclose(out, wanted[0], rtol=1e-6)
    for key, stat in wanted[1].items():
        np.testing.assert_allclose(stats[key]["max_out"], stat["max_out"], rtol=1e-6)


@pytest.mark.parametrize("check", [True, False])
def test_statistics_inside_shard_map_are_those_of_all_devices(check):
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    params = {"w": jnp.eye(3), "layers": jnp.stack([jnp.eye(3)] * 2)}
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32)

    def local(params, x):
        def time(h, row):
            return h + row @ params["w"], None

        def layer(x, w):
            return x @ w, None

        h, _ = jax.lax.scan(time, x[0], x)
        x = jax.lax.cond(x[0, 0] > -9, lambda x: x @ params["w"], lambda x: x, x)
        return jax.lax.scan(layer, x, params["layers"])[0] + h[None]

    fn = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(), P("data")),
        out_specs=P("data"),
        check_vma=check,
    )
    call = jax.jit(ops.interpret(fn, seen))
    out, stats = call({}, params, x)
    np.testing.assert_allclose(out, jax.jit(fn)(params, x), rtol=1e-6)
    np.testing.assert_allclose(stats["w"]["max_out"], np.abs(x).max(), rtol=1e-6)
    assert stats["w"]["sum_calls"] == 8
    np.testing.assert_array_equal(stats["layers"]["sum_calls"], [4, 4])
    assert [op.times for op in ops.products(fn, params, x)] == [8, 4, 8]


def test_an_unknown_key_is_named_with_the_valid_ones(examples):
    fn, args, _, _ = examples("linen perceptron")
    wanted = r"aux names 'Dense/kernel'.*'Dense_1/kernel', 'Dense_0/kernel'"
    with pytest.raises(ValueError, match=wanted):
        ops.interpret(fn, same)({"Dense/kernel": 1}, *args)


def test_a_result_of_another_shape_is_named():
    call = ops.interpret(lambda w, x: x @ w["a"], lambda *a: (jnp.ones(3), None))
    with pytest.raises(ValueError, match=r"'a' returned shape \(3,\).*\(1, 4\)"):
        call({}, {"a": jnp.ones((2, 4))}, jnp.ones((1, 2)))


def test_a_result_of_another_type_is_cast():
    def visit(op, lhs, rhs, product, aux):
        return product(lhs, rhs).astype(jnp.bfloat16), None

    out, _ = ops.interpret(lambda w, x: x @ w, visit)(
        {}, jnp.ones((2, 1)), jnp.ones((1, 2))
    )
    assert out.dtype == jnp.float32


def test_random_numbers_and_printing_inside_loops_pass(capfd):
    def fn(w, x, key):
        def layer(x, w):
            jax.debug.print("{}", x.sum())
            keep = jax.random.bernoulli(key, 0.5, x.shape)
            return jnp.where(keep, x @ w, 0.0), None

        return jax.lax.scan(layer, x, w)[0]

    args = jnp.ones((2, 3, 3)), jnp.ones((2, 3)), jax.random.key(1)
    out, _ = jax.jit(ops.interpret(fn, seen))({}, *args)
    np.testing.assert_array_equal(out, jax.jit(fn)(*args))
    jax.effects_barrier()
    assert len(capfd.readouterr().out.split()) == 4
