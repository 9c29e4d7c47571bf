"""The loop: one order, events at multiples, resumed bit for bit, stopped by NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, train
from tests.train.examples import SOFT, adam, batch, close, frozen, net, same, split


class Stopped(Exception):
    pass


def recipe(**more):
    """Dropout, a teacher, and masks: all that could differ between two runs."""
    return adam(
        net(dropout=0.3), SOFT, teacher=net(widths=(7,)),
        compression=compress.magnitude(sparsity=0.5, every=3), **more,
    )  # fmt: skip


RECIPE = recipe()
PLAIN = adam()


def run(learner=RECIPE, part=None, *, num_steps=10, **more):
    return train.run(
        learner, part or split(), key=jax.random.key(1), num_steps=num_steps,
        batch_size=8, frozen=frozen(net(widths=(7,))), **more,
    )  # fmt: skip


def saved(folder):
    return train.checkpoints(folder)


def test_a_run_is_its_steps_one_after_the_other():
    seen = split()
    state = jax.jit(RECIPE.init)(
        jax.random.key(1), {**batch(), "mask": jnp.ones(8)}, frozen(net(widths=(7,)))
    )
    step, rows = jax.jit(RECIPE.step), order(10)
    for number in range(10):
        found = {n: jnp.asarray(x) for n, x in seen.take(rows[number]).items()}
        state, _ = step(state, found, frozen(net(widths=(7,))))
    assert close(run(), state)


def order(stop):
    from jdistill import data

    return data.index_batches(40, batch_size=8, seed=0).window(0, stop)


@pytest.mark.parametrize("window", [1, 4, 7, 64])
def test_a_window_of_any_size_gives_the_same_run(window):
    assert close(run(steps_per_dispatch=window), run(steps_per_dispatch=5))


@pytest.mark.parametrize("window", [None, 4])
def test_a_stream_gives_the_same_run_as_resident_data(window):
    streamed = split()._replace(arrays=None)
    one = run(part=streamed, steps_per_dispatch=window)
    assert int(one.step) == 10
    assert close(one, run())


def test_every_callback_sees_the_state_at_its_multiples_and_at_the_end():
    seen = {2: [], 3: []}
    every = {n: lambda s, m, n=n: seen[n].append(int(s.step)) for n in seen}
    run(every=every, num_steps=7)
    assert seen == {2: [2, 4, 6, 7], 3: [3, 6, 7]}


@pytest.mark.parametrize("window", [1, 3, 64])
def test_callbacks_get_means_since_their_last_call(window):
    each, some = [], []
    one = {1: lambda s, m: each.append((float(m["loss"]), float(m["kd"])))}
    run(every=one, num_steps=7)
    run(every={3: lambda s, m: some.append((m["loss"], m["kd"]))}, num_steps=7,
        steps_per_dispatch=window)  # fmt: skip
    wanted = [np.mean(each[a:b], axis=0) for a, b in ((0, 3), (3, 6), (6, 7))]
    np.testing.assert_allclose(some, wanted, rtol=1e-5)


def test_a_run_compiles_one_program_and_so_do_folds_of_nearly_one_size():
    from jdistill.train import _dispatch

    learner = recipe()
    run(learner, num_steps=11, every={4: lambda s, m: None})
    run(learner, split(43), num_steps=9, every={4: lambda s, m: None})
    step = _dispatch.traced(learner.step)
    program = _dispatch._resident(step, learner.teach, 4, None, None)
    assert program._cache_size() == 1


def test_a_stream_compiles_one_program():
    from jdistill.train import _dispatch

    learner = recipe()
    run(learner, split()._replace(arrays=None), num_steps=5)
    step = _dispatch.traced(learner.step)
    assert _dispatch._streamed(step, None, None)._cache_size() == 1


@pytest.mark.parametrize("kept", ["state", "finished"])
def test_what_a_callback_gets_can_be_kept(kept):
    held, copies = [], []
    keep = {"state": lambda s: s, "finished": PLAIN.finish}[kept]

    def callback(state, means):
        held.append(keep(state))
        copies.append(jax.device_get(keep(state)._replace(**NO_KEY[kept])))

    final = run(PLAIN, every={3: callback})
    for one, copy in zip(held, copies, strict=True):
        assert same(one._replace(**NO_KEY[kept]), copy)
    assert same(final, run(PLAIN, every={3: lambda s, m: None}))


NO_KEY = {"state": {"key": ()}, "finished": {}}


def test_a_state_is_copied_only_where_a_callback_keeps_it(monkeypatch):
    from jdistill.train import _events

    copied, held = [], []
    monkeypatch.setattr(_events, "_copied", lambda x: copied.append(x) or jnp.copy(x))
    run(PLAIN, every={3: lambda s, m: float(s.step)})
    assert not copied
    run(PLAIN, every={5: lambda s, m: held.append(s.params["Dense_0"])})
    assert copied


@pytest.mark.parametrize("said", ["good", True, np.bool_(1), [0.5], np.ones(2), 1j, {}])
def test_what_is_no_score_is_refused_by_its_period(said):
    wanted = r"every\[3\] must return a number \(the score\) or None, it returned"
    with pytest.raises(TypeError, match=wanted):
        run(every={5: lambda s, m: 1.0, 3: lambda s, m: said})


@pytest.mark.parametrize("said", [1, 0.5, np.float32(1), jnp.bfloat16(1), np.array(2),
                                  jnp.int32(3), float("nan"), None])  # fmt: skip
def test_a_number_of_any_kind_is_a_score(said, tmp_path):
    store = saved(tmp_path)
    run(every={3: lambda s, m: said}, checkpoints=store, num_steps=4)
    store.close()


@pytest.mark.parametrize("mesh", [None, train.data_mesh(jax.devices()[:2])])
def test_frozen_arrays_of_the_host_go_to_the_devices_once(mesh, monkeypatch):
    from jdistill.train import _dispatch, _loop

    teacher = jax.tree.map(np.asarray, frozen(net(widths=(7,))))
    given = []
    real = _dispatch.dispatcher

    def spy(*args):
        given.append(args[5])
        return real(*args)

    monkeypatch.setattr(_loop, "dispatcher", spy)
    found = train.run(
        RECIPE, split(), key=jax.random.key(1), num_steps=6, batch_size=8, mesh=mesh,
        frozen=teacher, steps_per_dispatch=1,
    )  # fmt: skip
    assert close(jax.device_get(found), jax.device_get(run(num_steps=6)))
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves(given))


# Checkpoints.


def test_the_last_and_the_best_are_kept(tmp_path):
    scores = {2: 0.1, 4: 0.7, 6: 0.7, 8: 0.3, 9: 0.2}
    states = {}

    def score(state, means):
        states[int(state.step)] = jax.device_get(state._replace(key=()))
        return scores[int(state.step)]

    store = saved(tmp_path)
    final = run(every={2: score}, checkpoints=store, num_steps=9)
    assert same(store.restore(final), (9, final))
    step, best = store.best(final)
    assert step == 4
    assert same(best._replace(key=()), states[4])


def test_saves_are_at_multiples_and_at_the_end(tmp_path):
    store = saved(tmp_path)
    run(checkpoints=store, save_every=3, num_steps=7)
    store.wait()
    assert {p.name for p in (tmp_path / "steps").iterdir()} == {"6", "7"}


def stop_at(step):
    def stop(state, means):
        if int(state.step) == step:
            raise Stopped
        return float(step)

    return stop


@pytest.mark.parametrize(("window", "streamed"), [(4, 0), (1, 1)])
def test_a_run_cut_at_any_step_ends_in_the_same_bits(tmp_path, window, streamed):
    part = split()._replace(arrays=None) if streamed else split()
    how = {"part": part, "save_every": 2, "steps_per_dispatch": window, "num_steps": 6}
    whole = run(every={1: stop_at(-1)}, checkpoints=saved(tmp_path / "w"), **how)
    for step in (1, 3, 4, 6):
        for every in (1, 6):  # with a score each step is saved, else every second
            folder = tmp_path / f"{step}-{every}"
            for stop in (step, -1):
                score = stop_at(stop)
                check = score if every == 1 else lambda s, m, f=score: f(s, m) and None
                store = saved(folder)
                try:
                    found = run(every={1: check}, checkpoints=store, **how)
                except Stopped:
                    assert stop == step
                finally:
                    store.close()
            assert same(found, whole)


def test_a_finished_run_is_found_finished(tmp_path):
    first = run(checkpoints=saved(tmp_path))
    assert same(run(checkpoints=saved(tmp_path)), first)


def test_a_checkpoint_past_the_end_is_refused(tmp_path):
    store = saved(tmp_path)
    run(checkpoints=store)
    with pytest.raises(ValueError, match="checkpoint is at step 10, past num_steps=4"):
        run(checkpoints=store, num_steps=4)


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path):
    for steps in (4, 10):
        store = saved(tmp_path)
        found = run(checkpoints=store, num_steps=steps, steps_per_dispatch=4)
        store.close()
    assert same(found, run(steps_per_dispatch=4))


@pytest.mark.parametrize("learner", [RECIPE, PLAIN])
def test_variables_to_start_from_survive_the_run(learner):
    start = learner.finish(run(learner, num_steps=2))
    before = jax.device_get(start)
    one, two = run(learner, start=start), run(learner, start=start)
    assert same(start, before)
    assert same(one, two)
    teacher = frozen(net(widths=(7,)))
    first = split().take(np.arange(8))
    zero = learner.init(jax.random.key(1), first, teacher, start=start)
    kernel = start.params["Dense_1"]["kernel"]
    assert np.array_equal(zero.params["Dense_1"]["kernel"], kernel)


# What is not finite.


def spoilt(at, name="inputs"):
    """A split whose example `at` turned bad after the checks."""
    clean = split()
    arrays = {n: np.array(x) for n, x in clean.arrays.items()}
    arrays[name][at] = np.nan

    def take(indices):
        return {n: x[np.asarray(indices)] for n, x in arrays.items()}

    return clean._replace(arrays=arrays, take=take)


@pytest.mark.parametrize("streamed", [False, True])
def test_nan_in_the_data_names_the_step_and_the_example_and_saves_the_last_good_state(
    tmp_path, streamed
):
    rows = order(9)
    example = int(rows[6][0])
    first = min(n for n in range(9) if example in rows[n])
    part = spoilt(example)
    part = part._replace(arrays=None) if streamed else part
    store, calls = saved(tmp_path), []
    said = (
        rf"step {first}: 'inputs' is not finite in examples \[{example}\]; the last "
        f"finite state is saved as checkpoint {first}$"
    )
    with pytest.raises(FloatingPointError, match=said):
        run(part=part, checkpoints=store, num_steps=9,
            every={9: lambda s, m: calls.append(s)})  # fmt: skip
    good = run(num_steps=first)
    step, found = store.restore(good)
    assert step == first
    assert close(found, good)
    assert not calls


def test_a_rate_that_explodes_is_named_with_the_parameter(tmp_path):
    learner = adam(tx=optax.sgd(lambda count: jnp.where(count == 5, jnp.inf, 0.1)))
    store = saved(tmp_path)
    said = "step 5: the optimiser's step of parameter 'Dense_0/bias' is not finite"
    with pytest.raises(FloatingPointError, match=said):
        run(learner, checkpoints=store, num_steps=20, save_every=3)
    good = run(learner, num_steps=5, save_every=3)
    step, found = store.restore(good)
    assert step == 5
    assert same(found, good)
    with pytest.raises(FloatingPointError, match="step 5"):
        run(learner, checkpoints=store, num_steps=20, save_every=3)


def test_no_callback_sees_a_state_after_a_bad_step():
    learner = adam(tx=optax.sgd(lambda count: jnp.where(count == 5, jnp.nan, 0.1)))
    seen = []
    with pytest.raises(FloatingPointError, match="step 5"):
        run(learner, num_steps=20, every={4: lambda s, m: seen.append(int(s.step))})
    assert seen == [4]


# Numbers that cannot be.


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"every": {0: print}}, "a period of every must be .* from 1, got 0"),
        ({"save_every": 0}, "save_every must be .* from 1, got 0"),
        ({"every": {3: print}, "save_every": -2}, "save_every must be .* got -2"),
        ({"steps_per_dispatch": 0}, "steps_per_dispatch must be .* from 1, got 0"),
        (
            {"mesh": train.data_mesh(jax.devices()[:3])},
            "8 is not divisible by the 3 p",
        ),
    ],
)
def test_numbers_that_cannot_be_are_refused(more, said):
    with pytest.raises(ValueError, match=said):
        run(PLAIN, **more)
