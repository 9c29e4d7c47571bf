"""Parameters of the student that are given: no gradient, moments, state or copy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, models, train, tree
from jdistill.typing import Frozen
from tests.train.examples import HARD, adam, batch, begin, close, frozen, same, split

WIDE = models.mlp(widths=(256, 256), classes=3)
NARROW = models.lora(WIDE, rank=1)
OPTIONS = {"key": jax.random.key(0), "batch_size": 8}


@functools.cache
def given():
    return {"student": Frozen({"base": frozen(WIDE).params})}


@functools.cache
def recipe():
    return adam(NARROW, others={"mean": train.follow_mean()})


def on_disk(folder):
    return sum(x.stat().st_size for x in folder.rglob("*") if x.is_file())


def test_state_moments_followers_and_checkpoints_are_of_the_size_of_what_trains(
    tmp_path,
):
    base = tree.num_bytes(given()["student"].params)
    store = train.checkpoints(tmp_path)
    state = train.run(
        recipe(), split(), num_steps=2, frozen=given(), checkpoints=store, **OPTIONS
    )
    adapters = tree.num_bytes(state.params)
    assert set(state.params["lora"]) and adapters < base / 40
    assert tree.num_bytes(state.opt_state) == 2 * adapters + 4  # and a counter
    assert tree.num_bytes(state.followers) == adapters
    small = state._replace(key=())
    assert tree.num_bytes(small) < 4 * adapters + 20
    assert on_disk(tmp_path) < base / 4  # with notes and an index, whatever the base
    on = {"num_steps": 4, "frozen": given(), **OPTIONS}
    again = train.run(recipe(), split(), checkpoints=store, **on)
    store.close()
    assert same(again, train.run(recipe(), split(), **on))


def test_the_step_is_that_of_a_base_in_the_state_that_is_frozen():
    kept = adam(NARROW, compression=compress.freeze(where="base/.*"))
    data = adam(NARROW)
    mine = begin(data, given())
    start = Frozen({"base": frozen(WIDE).params, "lora": mine.params["lora"]})
    theirs = jax.jit(kept.init)(jax.random.key(0), batch(), start=start)
    for _ in range(2):
        mine, one = jax.jit(data.step)(mine, batch(), given())
        theirs, other = jax.jit(kept.step)(theirs, batch())
    assert same((mine.params["lora"], one), (theirs.params["lora"], other))
    finished = data.finish(mine, given())
    assert same(finished.params, kept.finish(theirs).params)
    assert same(finished.params["base"], frozen(WIDE).params)
    encoded = {
        k: compress.decode(x) for k, x in data.encode(mine, given()).params.items()
    }
    assert same(encoded, tree.flatten(finished.params))


def test_any_part_of_any_student_may_be_given_and_is_compressed_as_the_rest():
    net = models.mlp(widths=(6,), classes=3)
    pruned = compress.magnitude(sparsity=0.5, every=1)
    one = adam(net, compression=pruned, tx=optax.adamw(0.1, weight_decay=0.1))
    first = {"Dense_0": frozen(net).params["Dense_0"]}
    half = {"student": Frozen(first)}
    state = begin(one, half)
    moved, _ = jax.jit(one.step)(state, batch(), half)
    assert [*tree.flatten(moved.params)] == ["Dense_1/bias", "Dense_1/kernel"]
    seen = one.finish(moved, half).params
    kernel, zeros = first["Dense_0"]["kernel"], seen["Dense_0"]["kernel"] == 0
    assert zeros.mean() == 0.5
    np.testing.assert_array_equal(
        seen["Dense_0"]["kernel"], jnp.where(zeros, 0, kernel)
    )
    assert not np.array_equal(
        moved.params["Dense_1"]["bias"], state.params["Dense_1"]["bias"]
    )


def test_lanes_of_a_sweep_share_what_is_given():
    lanes = train.sweep(
        lambda rate: train.learner(NARROW, HARD, optax.sgd(rate)),
        {"rate": jnp.array([0.1, 0.01])},
    )
    state = train.run(lanes, split(), num_steps=2, frozen=given(), **OPTIONS)
    assert "base" in state.params and not tree.flatten(state.params["base"])
    both = lanes.finish(state, given()).params
    for number in range(2):
        one = jax.tree.map(lambda x, n=number: x[n], both)
        assert close(one["base"], frozen(WIDE).params)


def test_what_the_student_has_not_and_what_nobody_gives_is_named():
    data = adam(NARROW)
    with pytest.raises(ValueError, match=r"holds 'base/Dense_9/bias', which the stud"):
        begin(data, {"student": Frozen({"base": {"Dense_9": {"bias": jnp.ones(1)}}})})
    with pytest.raises(ValueError, match=r"of shape \(1,\), the student has \(256,\)"):
        begin(data, {"student": Frozen({"base": {"Dense_0": {"bias": jnp.ones(1)}}})})
    state = begin(data, given())
    with pytest.raises(ValueError, match="the state holds no 'base/Dense_0/bias'"):
        data.finish(state)
    with pytest.raises(ValueError, match="the state holds no 'base/Dense_0/bias'"):
        data.step(state, batch())


def test_statistics_that_are_given_are_where_the_state_begins():
    net = models.resnet(classes=3, depth=8, width=2)
    images = {"inputs": jnp.ones((2, 8, 8, 1)), "label": jnp.zeros(2, int)}
    params, state = jax.jit(net.init)(jax.random.key(1), images)
    far = jax.tree.map(lambda x: x + 3, state)
    one = adam(models.lora(net, rank=1))
    found = jax.jit(one.init)(
        jax.random.key(0), images, {"student": Frozen({"base": params}, far)}
    )
    assert same(found.model_state, far)
