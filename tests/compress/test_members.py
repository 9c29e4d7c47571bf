"""What holds for every compression, from the table of members."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress, tree
from jdistill.ops import Use
from tests.compress import members

EVERY = pytest.mark.parametrize("name", members.MEMBERS)
STEP = 100


def updated(name, dtype=jnp.float32):
    """Post-training use: init, one update."""
    return once_updated(name, dtype)


@functools.cache  # most tests of a member begin with it
def once_updated(name, dtype):
    c, params = members.MEMBERS[name].make, members.params(dtype)
    return c.update(params, *c.init(params, products=members.PRODUCTS), step=STEP)


def equal(one, two):
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


@EVERY
def test_applied_parameters_follow_the_float64_equation(name):
    member, params = members.MEMBERS[name], members.params()
    found = tree.flatten(member.make.apply(*updated(name)))
    raw = tree.flatten(params)
    wanted = member.reference(*(np.float64(raw[path]) for path in members.PRODUCTS))
    for path, value in zip(members.PRODUCTS, wanted, strict=True):
        np.testing.assert_allclose(found[path], value, rtol=1e-5, atol=1e-7)


@EVERY
def test_what_is_not_selected_is_left_alone(name):
    member, params = members.MEMBERS[name], members.params()
    found = tree.flatten(member.make.apply(*updated(name)))
    for path, leaf in tree.flatten(params).items():
        if path not in members.PRODUCTS:
            assert np.array_equal(found[path], leaf), path


@EVERY
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_decoding_gives_what_apply_gives_bit_for_bit(name, dtype):
    c = members.MEMBERS[name].make
    at = updated(name, dtype)
    decoded = {path: compress.decode(e) for path, e in c.encode(*at).items()}
    for apply in (c.apply, jax.jit(c.apply)):
        equal(decoded, tree.flatten(apply(*at)))
    jitted = jax.jit(c.encode)(*at)
    equal({path: compress.decode(e) for path, e in jitted.items()}, decoded)


@EVERY
def test_compiled_updates_equal_eager_ones(name):
    c, params = members.MEMBERS[name].make, members.params()
    learned, state = c.init(params, products=members.PRODUCTS)
    update = jax.jit(lambda p, x, s, step: c.update(p, x, s, step=step))
    equal(update(params, learned, state, STEP), updated(name))


@EVERY
def test_applying_twice_changes_nothing_more(name):
    c = members.MEMBERS[name].make
    params, learned, state = updated(name)
    once = c.apply(params, learned, state)
    twice = c.apply(once, learned, state)
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@EVERY
def test_a_second_update_keeps_the_mask(name):
    c = members.MEMBERS[name].make
    at = updated(name)
    equal(c.update(*at, step=2 * STEP), at)


@EVERY
def test_parameters_that_may_not_move_are_zero_and_all_others_may(name):
    c = members.MEMBERS[name].make
    params, learned, state = updated(name)
    applied = c.apply(params, learned, state)

    def check(moves, raw, seen):
        if not isinstance(moves, bool):  # a mask; a frozen leaf stays what it is
            assert np.all(np.asarray(raw)[~moves] == 0)
            assert np.all(np.asarray(seen)[~moves] == 0)
            assert np.all(np.asarray(raw)[moves] != 0)

    jax.tree.map(check, c.trainable(params, learned, state), params, applied)


@EVERY
def test_the_gradient_is_that_of_identity_where_parameters_may_move(name):
    c, params = members.MEMBERS[name].make, members.params()
    params, learned, state = updated(name)
    ones = jax.tree.map(jnp.ones_like, params)
    found, _ = compress.pull_back(c, params, learned, state, ones)
    wanted = compress.masked(ones, c.trainable(params, learned, state))
    floating = {p for p, x in tree.flatten(params).items() if x.dtype == jnp.float32}
    found, wanted = tree.flatten(found), tree.flatten(wanted)
    equal({p: found[p] for p in floating}, {p: wanted[p] for p in floating})


@EVERY
def test_a_state_goes_through_scan_and_vmap(name):
    c, params = members.MEMBERS[name].make, members.params()
    learned, state = c.init(params, products=members.PRODUCTS)

    def step(carry, i):
        return c.update(*carry, step=i), None

    scanned, _ = jax.lax.scan(step, (params, learned, state), jnp.arange(99, 102))
    equal(scanned, updated(name))
    copies = jax.tree.map(lambda x: jnp.stack([x, x]), (params, learned, state))
    batched = jax.jit(jax.vmap(lambda at: c.update(*at, step=STEP)))(copies)
    equal(jax.tree.map(lambda x: x[1], batched), updated(name))


@EVERY
def test_two_equal_inits_are_equal(name):
    c, params = members.MEMBERS[name].make, members.params()
    one = c.init(params, key=jax.random.key(0), products=members.PRODUCTS)
    equal(one, c.init(params, products=members.PRODUCTS))


@pytest.mark.parametrize(
    "name", [n for n in members.MEMBERS if n not in ("identity", "freeze")]
)
def test_a_product_that_is_no_parameter_is_named_with_near_ones(name):
    with pytest.raises(ValueError, match=r"'layers/kernal'.*did you mean"):
        members.MEMBERS[name].make.init(
            members.params(), products={"layers/kernal": Use((0,))}
        )


@pytest.mark.parametrize(
    "name", ["magnitude", "global_magnitude", "fake_quant", "freeze"]
)
def test_a_pattern_that_matches_nothing_is_refused(name):
    options = {"sparsity": 0.5} if "magnitude" in name else {}
    c = getattr(compress, name)(where="layer/kernel", **options)
    with pytest.raises(ValueError, match="matches no parameter; did you mean"):
        c.init(members.params())
    if name == "freeze":
        return
    with pytest.raises(ValueError, match="where= is needed"):
        getattr(compress, name)(**options).init(members.params())
