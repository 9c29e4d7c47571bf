import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import projections
from jdistill.typing import Projection
from tests.projections.members import MEMBERS, arrays

KEY = jax.random.key(7)
each = pytest.mark.parametrize("name", MEMBERS)


def family(holds):
    names = [name for name, member in MEMBERS.items() if holds(member)]
    return pytest.mark.parametrize("name", names)


@functools.cache
def trained(name):
    """A projection, compiled, with parameters none of which is 0."""
    projection = MEMBERS[name].make()
    init = jax.jit(projection.init)
    params = init(KEY, *taps(name))
    random = np.random.default_rng(3)
    params = jax.tree.map(
        lambda p: np.float32(p + 0.1 * random.normal(size=p.shape)), params
    )

    @jax.jit
    def apply(params, feature, like, mask=None, key=None):
        return projection.apply(params, feature, like, mask=mask, key=key)

    @jax.jit
    def slopes(params, feature, like, mask, weights, key=None):
        def total(params, feature):
            outputs = projection.apply(params, feature, like, mask=mask, key=key)
            parts = jax.tree.map(lambda y, w: jnp.sum(y * w), outputs, weights)
            return sum(jax.tree.leaves(parts))

        return jax.grad(total, argnums=(0, 1))(params, feature)

    return params, init, apply, slopes


def taps(name, batch=4, **how):
    member = MEMBERS[name]
    return arrays(member.feature, batch, **how), arrays(member.like, batch, **how)


def weights(name, real, batch):
    """Weights of the outputs for a gradient, none for padded rows."""
    made = arrays(MEMBERS[name].out, batch, seed=5)
    for leaf in jax.tree.leaves(made):
        leaf[real:] = 0
    return made


def drawn(name):
    """The key of a random projection."""
    return KEY if MEMBERS[name].random else None


def close(found, wanted, rows=slice(None), atol=2e-5):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one[rows], other[rows], rtol=2e-4, atol=atol)


def test_the_table_has_every_projection():
    assert sorted(MEMBERS) == sorted(projections.__all__)
    assert all(MEMBERS[n].make is getattr(projections, n) for n in MEMBERS)
    assert all(isinstance(MEMBERS[n].make(), Projection) for n in MEMBERS)


@each
def test_options_have_names_and_defaults(name):
    for option in inspect.signature(getattr(projections, name)).parameters.values():
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty


@each
def test_outputs_have_their_shape_in_float32(name):
    params, _, apply, _ = trained(name)
    for kind, batch in ((np.float32, 4), (jnp.bfloat16, 4), (np.float32, 0)):
        both = jax.tree.map(
            lambda x, kind=kind: jnp.asarray(x, kind), taps(name, batch)
        )
        found = jax.eval_shape(apply, params, *both)
        shapes = jax.tree.map(lambda y: tuple(y.shape[1:]), found)
        assert shapes == MEMBERS[name].out
        assert all(y.shape[0] == batch for y in jax.tree.leaves(found))
        assert all(y.dtype == jnp.float32 for y in jax.tree.leaves(found))


@each
def test_parameters_depend_on_shapes_and_key_alone(name):
    projection = MEMBERS[name].make()
    params, init, *_ = trained(name)
    small = jax.eval_shape(projection.init, KEY, *taps(name, batch=1))
    assert jax.tree.structure(params) == jax.tree.structure(small)
    for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(small), strict=True):
        assert one.shape == other.shape and other.dtype == jnp.float32
    first, again, other = (
        jax.tree.leaves(init(jax.random.key(seed), *taps(name))) for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@each
def test_the_same_parameters_and_key_give_the_same_features(name):
    params, _, apply, _ = trained(name)
    keys = map(jax.random.key, (1, 1, 2)) if MEMBERS[name].random else [None] * 3
    draws = [apply(params, *taps(name), key=key) for key in keys]
    leaves = [np.concatenate([y.ravel() for y in jax.tree.leaves(d)]) for d in draws]
    assert np.array_equal(leaves[0], leaves[1])
    assert np.array_equal(leaves[0], leaves[2]) != MEMBERS[name].random


@each
def test_a_gradient_reaches_every_parameter_and_the_feature(name):
    params, _, _, slopes = trained(name)
    some = weights(name, 4, 4)
    found, feature = slopes(params, *taps(name), None, some, drawn(name))
    for path, leaf in jax.tree.leaves_with_path(found):
        unused = any(
            word in jax.tree_util.keystr(path) for word in MEMBERS[name].unused
        )
        assert np.all(np.isfinite(leaf)) and np.any(leaf) != unused, path
    assert all(np.any(leaf) for leaf in jax.tree.leaves(feature))


@each
def test_padded_examples_change_neither_features_nor_gradients(name):
    params, _, apply, slopes = trained(name)
    padded = taps(name, 6)
    real = jax.tree.map(lambda x: x[:4], padded)
    mask = np.array([1, 1, 1, 1, 0, 0], np.float32)
    key = drawn(name)
    found = apply(params, *padded, mask, key)
    close(found, apply(params, *real, None, key), slice(4))
    some = weights(name, 4, 6)
    whole = slopes(params, *padded, mask, some, key)
    first = jax.tree.map(lambda x: x[:4], some)
    part = slopes(params, *real, None, first, key)
    close(whole[0], part[0], atol=2e-4)
    close(whole[1], part[1], slice(4), atol=2e-4)
    for leaf in jax.tree.leaves(whole[1]):
        np.testing.assert_allclose(leaf[4:], 0, atol=1e-6)


@family(lambda member: not member.statistics)
def test_a_feature_depends_on_its_own_example_alone(name):
    params, _, apply, _ = trained(name)
    both = taps(name)
    other = jax.tree.map(np.copy, both)
    for leaf in jax.tree.leaves(other):
        leaf[2] += 1
    changed = [
        np.asarray(one != two).reshape(4, -1).any(1)
        for one, two in zip(
            jax.tree.leaves(apply(params, *both, key=drawn(name))),
            jax.tree.leaves(apply(params, *other, key=drawn(name))),
            strict=True,
        )
    ]
    assert np.array_equal(np.any(changed, axis=0), [False, False, True, False])


@each
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_zeros_and_huge_features_give_finite_numbers(name, scale):
    params, _, apply, slopes = trained(name)
    both, key = taps(name, scale=scale), drawn(name)
    for found in (
        apply(params, *both, key=key),
        apply(params, *taps(name, 6, scale=scale), np.zeros(6, np.float32), key),
        slopes(params, *both, None, weights(name, 4, 4), key),
    ):
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(found))


@pytest.mark.parametrize("name", ["linear", "conv_norm"])
def test_a_tuple_of_taps_is_projected_tap_by_tap(name):
    projection = MEMBERS[name].make()
    feature, like = taps(name)
    both = (feature, feature), (like, like)
    params = jax.jit(projection.init)(KEY, *both)
    found = jax.jit(projection.apply)(params, *both)
    _, _, apply, _ = trained(name)
    for one, own in zip(found, params, strict=True):
        close(one, apply(own, feature, like))
    assert not np.allclose(found[0], found[1])
    for wrong in ((feature,), feature):
        with pytest.raises(ValueError, match="there must be as many on both"):
            projection.init(KEY, wrong, (like, like))
