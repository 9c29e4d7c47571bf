"""Meshes: the same run on four devices as on one, and weights that are split."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jdistill import compress, data, train, tree
from jdistill.train import _dispatch, _loop, _mesh, _rules
from tests.train.examples import SOFT, adam, batch, close, frozen, net, same, split

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


AXES = [
    ((2, 2), ("replica", "data"), None, 2),
    ((2, 2), ("data", "model"), None, 4),
    ((2, 2), ("model", "other"), None, 4),
    ((2, 2), ("one", "two"), ("one", "two"), 2),
    ((2, 2), ("one", "two"), "two", 4),
]


@pytest.mark.parametrize(("shape", "names", "axes", "rows"), AXES)
def test_a_batch_is_split_over_the_axes_that_are_named(shape, names, axes, rows):
    mesh = jax.make_mesh(shape, names, devices=jax.devices()[:4])
    layout = _mesh.layout_of(mesh, axes)
    split_up = jax.jit(lambda x: _mesh.split_batch({"x": x}, layout)["x"])(
        jnp.zeros((8, 3))
    )
    assert {s.data.shape for s in split_up.addressable_shards} == {(rows, 3)}
    streamed = split()._replace(arrays=None)
    for part in (split(), streamed) if rows == 2 else (split(),):
        found = run(mesh=mesh, batch_axes=axes, part=part, num_steps=2)
        assert close(jax.device_get(found), jax.device_get(run(num_steps=2)))


@pytest.mark.parametrize("axes", ["rows", ("data", "data"), ("data", "x")])
def test_batch_axes_that_the_mesh_lacks_are_refused(axes):
    with pytest.raises(ValueError, match=r"not different axes .* \['data'\]"):
        run(mesh=MESH, batch_axes=axes)


def test_variables_on_a_mesh_with_explicit_axes_stay_split():
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4])
    there = NamedSharding(mesh, PartitionSpec(None, "data"))
    teacher = {"kernel": jax.device_put(jnp.ones((5, 8)), there)}
    auto = _mesh.layout_of(mesh).mesh
    found = _rules.placed(teacher, auto)["kernel"]
    assert found.sharding == NamedSharding(auto, there.spec)


def test_rules_of_its_own_place_a_teacher_that_comes_from_the_host(monkeypatch):
    given = []
    real = _loop.dispatcher

    def spy(*args):
        given.append(args[5])
        return real(*args)

    monkeypatch.setattr(_loop, "dispatcher", spy)
    teacher = net(widths=(8,))
    recipe = adam(net(), SOFT, teacher=teacher)
    host = jax.tree.map(np.asarray, frozen(teacher))
    rules = [("teacher/params/Dense_0/kernel", PartitionSpec(None, "data"))]
    how = {"key": jax.random.key(1), "num_steps": 2, "batch_size": 8, "frozen": host}
    found = train.run(recipe, split(), mesh=MESH, frozen_rules=rules, **how)
    kernel = given[0]["teacher"].params["Dense_0"]["kernel"]
    assert {s.data.shape for s in kernel.addressable_shards} == {(5, 2)}
    assert close(
        jax.device_get(found), jax.device_get(train.run(recipe, split(), **how))
    )
    with pytest.raises(ValueError, match="say where arrays live on a mesh"):
        train.run(recipe, split(), frozen_rules=rules, **how)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_step_compiles_once_on_a_mesh(caplog, streamed):
    # The compiler would return the bias of the split layer split as well.
    mesh = jax.make_mesh((2, 2), ("data", "model"), devices=jax.devices()[:4])
    rules = [(".*Dense_0/kernel", PartitionSpec(None, "model"))]
    with jax.log_compiles():
        found = train.run(
            adam(net(widths=(8,))), STREAMED if streamed else split(), batch_size=8,
            key=jax.random.key(1), num_steps=4, mesh=mesh, rules=rules,
            steps_per_dispatch=2,
        )  # fmt: skip
    done = "Finished XLA compilation of jit(program)"
    assert sum(done in record.getMessage() for record in caplog.records) == 1
    assert found.params["Dense_0"]["bias"].sharding.is_fully_replicated


STREAMED = split()._replace(arrays=None)


@pytest.mark.parametrize("spec", [("data", None), (None, "data"), ("data",)])
def test_adafactor_trains_a_weight_that_is_split(spec):
    tx = optax.adafactor(1e-2, min_dim_size_to_factor=4)
    recipe = adam(net(widths=(8, 12)), tx=tx)
    rules = [(".*Dense_1/kernel", PartitionSpec(*spec))]
    how = {"key": jax.random.key(1), "num_steps": 3, "batch_size": 8}
    found = train.run(recipe, split(), mesh=MESH, rules=rules, **how)
    assert close(
        jax.device_get(found), jax.device_get(train.run(recipe, split(), **how))
    )
    kept = {
        path: x.sharding.spec
        for path, x in tree.flatten(found.opt_state).items()
        if path.endswith("Dense_1/kernel") and x.ndim
    }
    rows = {p: s for p, s in kept.items() if "v_row" in p}
    columns = {p: s for p, s in kept.items() if "v_col" in p}
    split_rows = spec[0] == "data"
    assert {s == PartitionSpec("data") for s in rows.values()} == {split_rows}
    assert {s == PartitionSpec("data") for s in columns.values()} == {not split_rows}


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


def test_each_part_of_a_batch_lies_on_all_devices():
    recipe = adam(net(widths=(8,)), micro_batches=2)
    found = jax.device_put(batch(), NamedSharding(MESH, PartitionSpec("data")))
    state = jax.device_put(
        jax.jit(recipe.init)(jax.random.key(0), found),
        NamedSharding(MESH, PartitionSpec()),
    )
    text = jax.jit(recipe.step).lower(state, found).compile().as_text()
    assert "all-reduce" in text
    assert not re.search("all-gather|all-to-all|collective-permute", text)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_teacher_sees_one_part_at_a_time(streamed):
    sizes = set()

    def apply(params, state, batch, **more):
        sizes.add(len(batch["inputs"]))
        return TEACHER.apply(params, state, batch, **more)

    recipe = adam(net(), SOFT, teacher=TEACHER._replace(apply=apply), micro_batches=2)
    part = split()._replace(arrays=None) if streamed else split()
    started = jax.jit(recipe.init)(jax.random.key(0), batch(), frozen(TEACHER))
    sizes.clear()
    dispatch = _dispatch.dispatcher(
        recipe, part, data.index_batches(40, batch_size=8, seed=0), 1, None,
        frozen(TEACHER), started,
    )  # fmt: skip
    dispatch.run(started, 0, 1)
    assert sizes == {4}
