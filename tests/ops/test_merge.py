"""Statistics join like those of all examples, whatever the order and the place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh, PartitionSpec

from jdistill import ops
from jdistill.ops._merge import across, zeros

NAMES = ("max_pos", "sum_squares")
VALUES = st.integers(0, 1000)  # what is observed is never below 0, its identity
STATS = st.dictionaries(
    st.sampled_from("abc"), st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))
)


def plain(stats):
    return {k: {n: int(x) for n, x in stat.items()} for k, stat in stats.items()}


@settings(max_examples=40, deadline=None)
@given(STATS, STATS, STATS)
def test_merging_is_associative_and_commutative(a, b, c):
    left = ops.merge(ops.merge(a, b), c)
    assert plain(left) == plain(ops.merge(a, ops.merge(b, c)))
    assert plain(ops.merge(a, b)) == plain(ops.merge(b, a))


@settings(max_examples=20, deadline=None)
@given(STATS)
def test_nothing_and_zeros_change_nothing(a):
    assert plain(ops.merge(a, {})) == plain(ops.merge({}, a)) == plain(a)
    shapes = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, a))
    assert plain(ops.merge(zeros(shapes), a)) == plain(a)


def test_the_largest_are_taken_and_sums_added_elementwise():
    a = {"w": {"max_pos": jnp.array([1.0, 5.0]), "sum_count": jnp.array([2.0, 3.0])}}
    b = {"w": {"max_pos": jnp.array([4.0, 2.0]), "sum_count": jnp.array([1.0, 1.0])}}
    found = jax.jit(ops.merge)(a, b)["w"]
    np.testing.assert_array_equal(found["max_pos"], [4, 5])
    np.testing.assert_array_equal(found["sum_count"], [3, 4])


def test_merging_leaves_its_arguments_as_they_were():
    a, b = {"w": {"sum_x": 1}}, {"w": {"sum_x": 2}, "v": {"sum_x": 5}}
    assert ops.merge(a, b)["v"] is not b["v"]
    assert a == {"w": {"sum_x": 1}} and b == {"w": {"sum_x": 2}, "v": {"sum_x": 5}}


def test_a_name_without_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"'mean_x' must be named max_\.\.\. or sum_"):
        ops.merge({"w": {"mean_x": 1}}, {"w": {"mean_x": 2}})


def test_devices_join_like_batches():
    mesh = Mesh(np.asarray(jax.devices()[:4]), ("data",))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32)

    def local(x):
        own = {"w": {"max_pos": x.max(), "sum_squares": jnp.sum(x**2)}}
        return across(own, ("data",))

    spec = PartitionSpec("data")
    found = jax.shard_map(local, mesh=mesh, in_specs=spec, out_specs=PartitionSpec())(x)
    np.testing.assert_allclose(found["w"]["max_pos"], np.max(x))
    np.testing.assert_allclose(
        found["w"]["sum_squares"], np.sum(np.square(x)), rtol=1e-6
    )
