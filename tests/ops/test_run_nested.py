import jax
import jax.numpy as jnp
import pytest

from jdistill import ops
from jdistill.ops._jaxpr import NESTED, bodies
from jdistill.ops._run_nested import RUNNERS
from jdistill.ops._walk_nested import _WALKERS


def test_there_is_one_table_of_the_primitives_that_hold_functions():
    assert set(RUNNERS) == set(NESTED) and set(_WALKERS) < set(NESTED)


def test_all_that_the_walk_enters_the_run_can_build_again():
    x = jnp.ones((2, 2))
    call = jax.custom_vjp(lambda x: x @ x)
    call.defvjp(lambda x: (x @ x, x), lambda x, g: (g @ x,))
    made = (
        jax.jit(lambda x: x @ x),
        jax.checkpoint(lambda x: x @ x),
        call,
        lambda x: jax.lax.scan(lambda c, _: (c @ x, None), x, None, length=2)[0],
        lambda x: jax.lax.while_loop(lambda c: c[0, 0] < 9, lambda c: c @ x, x),
        lambda x: jax.lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x, x),
    )
    for function in made:
        eqns = jax.make_jaxpr(function)(x).jaxpr.eqns
        entered = [e.primitive.name for e in eqns if bodies(e)]
        assert entered and set(entered) <= set(RUNNERS)


@pytest.mark.parametrize("policy", ["everything_saveable", "dots_saveable"])
def test_rematerialisation_keeps_its_policy(policy):
    policy = getattr(jax.checkpoint_policies, policy)
    fn = jax.checkpoint(lambda w, x: jnp.sin(x @ w), policy=policy)
    call = ops.rewrite(fn, lambda op, lhs, rhs, product, aux: product(lhs, rhs))
    jaxpr = jax.make_jaxpr(lambda w, x: call({}, w, x))(
        jnp.ones((2, 2)), jnp.ones((1, 2))
    )
    (eqn,) = [e for e in jaxpr.jaxpr.eqns if "policy" in e.params]
    assert eqn.params["policy"] is policy


def test_an_inlined_jit_keeps_its_shardings():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    fn = jax.jit(lambda w, x: x @ w, out_shardings=rows)
    call = ops.rewrite(fn, lambda op, lhs, rhs, product, aux: product(lhs, rhs))
    out = jax.jit(lambda w, x: call({}, w, x))(jnp.ones((2, 2)), jnp.ones((4, 2)))
    assert out.sharding.is_equivalent_to(rows, 2)
