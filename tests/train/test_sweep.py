"""Sweeps: each lane is the run it would be alone."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import rich.console

from jdistill import compress, objective, train, tree
from tests.train.examples import adam, batch, close, frozen, net, same, split

TEACHER = net(widths=(7,))
SPARSITY, TEMPERATURE = np.array([0.2, 0.5, 0.9]), np.array([1.0, 2.0, 4.0])


def make(sparsity, temperature):
    return adam(
        net(dropout=0.2), objective.hinton(temperature=temperature, alpha=0.5),
        teacher=TEACHER, compression=compress.magnitude(sparsity=sparsity, every=3),
    )  # fmt: skip


HYPER = {"sparsity": SPARSITY, "temperature": TEMPERATURE}
THREE = train.sweep(make, HYPER)


def run(learner, *, num_steps=7, **more):
    return train.run(
        learner, split(), key=jax.random.key(1), num_steps=num_steps,
        batch_size=8, frozen=frozen(TEACHER), **more,
    )  # fmt: skip


def test_each_lane_is_the_run_of_its_values_alone():
    state = run(THREE)
    assert state.step.shape == state.key.shape == ()
    assert state.bad.tolist() == [-1, -1, -1]
    for index in range(3):
        alone = make(SPARSITY[index].item(), TEMPERATURE[index].item())
        assert close(train.lane(state, index), run(alone), rtol=1e-4)


def test_what_is_finished_and_encoded_has_a_lane_for_each_value():
    state = run(THREE)
    kernel = THREE.finish(state).params["Dense_0"]["kernel"]
    assert kernel.shape == (3, 5, 6)
    zeros = (np.asarray(kernel) == 0).mean(axis=(1, 2))
    np.testing.assert_allclose(zeros, SPARSITY, atol=1 / 30)
    encoded = THREE.encode(state).params
    one = {p: jax.tree.map(lambda x: x[2], x) for p, x in encoded.items()}
    decoded = {path: compress.decode(x) for path, x in one.items()}
    alone = make(0.9, 4.0)
    assert same(decoded, tree.flatten(alone.finish(train.lane(state, 2)).params))


def test_lanes_may_begin_where_those_of_another_sweep_ended():
    first = run(THREE)
    later = train.sweep(make, HYPER, own_starts=True)
    state = run(later, start=THREE.finish(first))
    for index in range(3):
        one = make(SPARSITY[index].item(), TEMPERATURE[index].item())
        start = one.finish(train.lane(first, index))
        assert close(train.lane(state, index), run(one, start=start), rtol=1e-4)


def test_a_start_that_is_not_one_of_each_lane_is_refused():
    later = train.sweep(make, HYPER, own_starts=True)
    with pytest.raises(ValueError, match="own_starts=True needs start="):
        run(later)
    one = make(0.5, 1.0)
    said = r"'params/Dense_0/bias' of shape \(6,\); .* its first axis .* 3 lanes"
    with pytest.raises(ValueError, match=said):
        run(later, start=one.finish(run(one)))


def exploding(rates):
    """SGD whose rate becomes infinite in the second lane at step 3."""

    def make(rate, last):
        tx = optax.sgd(lambda count: jnp.where(count >= last, jnp.inf, rate))
        return adam(tx=tx)

    return train.sweep(make, rates)


def test_a_lane_that_explodes_stops_alone():
    state = run(exploding({"rate": np.array([0.1, 0.2]), "last": np.array([99, 3])}))
    assert state.bad.tolist() == [-1, 3]
    assert int(state.step) == 7
    alone = adam(tx=optax.sgd(lambda count: 0.1 * jnp.ones(())))
    assert close(train.lane(state, 0).params, run(alone).params)
    early = adam(tx=optax.sgd(lambda count: 0.2 * jnp.ones(())))
    assert close(train.lane(state, 1).params, run(early, num_steps=3).params)


def test_once_all_lanes_have_stopped_the_run_does(tmp_path):
    store = train.checkpoints(tmp_path)
    both = exploding({"rate": np.array([0.1, 0.2]), "last": np.array([4, 2])})
    said = r"step 4: all lanes have stopped, the last with {'rate': 0.1, 'last': 4}: "
    with pytest.raises(FloatingPointError, match=said):
        run(both, num_steps=20, checkpoints=store)
    _, found = store.restore(run(both, num_steps=1))
    assert found.bad.tolist() == [4, 2]
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(found.params))
    with pytest.raises(FloatingPointError, match="all lanes have stopped"):
        run(both, num_steps=20, checkpoints=store)


def test_callbacks_get_a_mean_for_each_lane():
    seen = []
    run(THREE, every={7: lambda state, means: seen.append(means["loss"])})
    assert seen[0].shape == (3,)


def test_a_callback_of_a_sweep_scores_each_lane_or_all_of_them(tmp_path):
    shown = train.progress(console=rich.console.Console(file=io.StringIO()))
    each = {7: lambda state, means: means["loss"]}
    run(THREE, every=each, progress=shown)
    assert [p["stage"] for p in shown.curve if p["split"] == "valid"][:3] == [
        f"training [{lane}]" for lane in range(3)
    ]
    with pytest.raises(TypeError, match=r"every\[7\] must return .* or one a lane"):
        run(THREE, every={7: lambda state, means: means["loss"][:2]})
    store = train.checkpoints(tmp_path)
    with pytest.raises(ValueError, match=r"every\[7\] returned the scores of 3 lanes"):
        run(THREE, every=each, checkpoints=store)
    store.close()


def test_a_sweep_resumes_bit_for_bit(tmp_path):
    whole = run(THREE, steps_per_dispatch=4)
    for steps in (3, 7):
        store = train.checkpoints(tmp_path)
        found = run(THREE, num_steps=steps, checkpoints=store, steps_per_dispatch=4)
        store.close()
    assert same(found, whole)


WRONG = [{}, {"a": np.zeros(2), "b": np.zeros(3)}, {"a": np.zeros((2, 2))}, {"a": 1}]


@pytest.mark.parametrize("hyper", WRONG)
def test_values_that_are_not_lanes_are_refused(hyper):
    with pytest.raises(ValueError, match="hyper needs arrays"):
        train.sweep(lambda **values: None, hyper)


def test_the_teacher_is_asked_once_for_all_lanes():
    joined = THREE.teach(batch(), frozen(TEACHER))
    assert joined["outputs"]["teacher"].logits.shape == (8, 3)
