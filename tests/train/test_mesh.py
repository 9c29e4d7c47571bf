"""Meshes: the same run on four devices as on one, and weights that are split."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jdistill import compress, train
from jdistill.train import _mesh
from tests.train.examples import SOFT, adam, close, frozen, net, same, split

MESH = train.data_mesh(jax.devices()[:4])
TEACHER = net(widths=(7,))
RECIPE = adam(
    net(widths=(8,), dropout=0.3), SOFT, teacher=TEACHER,
    compression=compress.magnitude(sparsity=0.5, every=3),
)  # fmt: skip


def run(*, num_steps=6, **more):
    return train.run(
        RECIPE, more.pop("part", split()), key=jax.random.key(1), num_steps=num_steps,
        batch_size=8, frozen=frozen(TEACHER), **more,
    )  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True])
def test_four_devices_give_the_run_of_one(streamed):
    part = split()._replace(arrays=None) if streamed else split()
    state = run(part=part, mesh=MESH)
    kernel = state.params["Dense_0"]["kernel"]
    assert kernel.sharding.device_set == set(jax.devices()[:4])
    assert close(jax.device_get(state), jax.device_get(run()))


def test_rules_split_a_weight_and_what_the_optimiser_keeps_of_it():
    rules = [(".*Dense_0/kernel", PartitionSpec(None, "data"))]
    state = run(mesh=MESH, rules=rules)
    kernel = state.params["Dense_0"]["kernel"]
    assert kernel.sharding.spec == PartitionSpec(None, "data")
    assert kernel.addressable_shards[0].data.shape == (5, 2)
    assert state.opt_state[0].mu["Dense_0"]["kernel"].sharding == kernel.sharding
    assert close(jax.device_get(state), jax.device_get(run()))


def test_a_split_run_resumes_bit_for_bit(tmp_path):
    how = {"mesh": MESH, "rules": [(".*Dense_0/kernel", PartitionSpec(None, "data"))]}
    whole = run(steps_per_dispatch=2, **how)
    for steps in (3, 6):
        store = train.checkpoints(tmp_path)
        found = run(num_steps=steps, checkpoints=store, steps_per_dispatch=2, **how)
        store.close()
    assert same(found, whole)
    kernel = found.params["Dense_0"]["kernel"]
    assert kernel.addressable_shards[0].data.shape == (5, 2)


def test_variables_of_one_device_start_a_run_on_four():
    one = jax.device_put(RECIPE.finish(run(num_steps=1)), jax.devices()[0])
    before = jax.device_get(one)
    state = run(mesh=MESH, start=one, num_steps=2)
    assert same(one, before)
    assert close(jax.device_get(state), jax.device_get(run(start=one, num_steps=2)))


def test_what_is_on_the_mesh_stays_where_it_is():
    place = NamedSharding(MESH, PartitionSpec("data"))
    there = jax.device_put(jnp.arange(4.0), place)
    found = _mesh.onto({"there": there, "host": np.ones(3)}, MESH)
    assert found["there"] is there
    assert found["host"].sharding.is_fully_replicated
    assert found["host"].sharding.device_set == set(jax.devices()[:4])
    assert _mesh.onto(there, None) is there


def test_a_rule_that_matches_nothing_or_does_not_fit_is_refused():
    like = {"w": np.zeros((4, 4)), "b": np.zeros(4)}
    with pytest.raises(ValueError, match="'q' matches no parameter"):
        train.shardings(like, MESH, [("q", PartitionSpec())])
    with pytest.raises(ValueError, match="has more axes than 'b'"):
        train.shardings(like, MESH, [(".*", PartitionSpec(None, "data"))])


def test_the_first_rule_that_matches_a_whole_path_wins():
    like = {"w": np.zeros((4, 4)), "ww": np.zeros(4)}
    first = [("w", PartitionSpec("data")), (".*", PartitionSpec())]
    found = train.shardings(like, MESH, first)
    assert found["w"].spec == PartitionSpec("data")
    assert found["ww"].spec == PartitionSpec()
    assert train.shardings(like, MESH)["w"].spec == PartitionSpec()
