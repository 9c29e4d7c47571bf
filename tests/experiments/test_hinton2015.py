import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import hinton2015 as config
from experiments import hinton2015
from experiments.tools.optimisers import max_norm, optimiser
from jdistill import data, models, train
from jdistill.typing import Outputs

LABELS = np.array([3, 3, 7, 8, 1])


def job(tmp_path):
    inputs = np.zeros((5, 2, 2, 1), np.float32)
    test = data.in_memory(
        {"inputs": inputs, "label": LABELS}, classes=tuple("0123456789"), name="five"
    )
    return hinton2015.Job({"student": {"epochs": 4}}, 0, tmp_path, 5, test)


def one_hot(found):
    return np.eye(10, dtype=np.float32)[found]


def echo():
    return models.from_function(lambda params, x: x.reshape(len(x), -1))


def moved(model, images, key=0, train=True):
    key = jax.random.key(key)
    return model.apply({}, {}, {"inputs": images}, train=train, key=key)[0].logits


def test_images_move_by_whole_pixels_each_its_own_way():
    images = jnp.zeros((200, 7, 7, 1)).at[:, 3, 3].set(1.0)
    model = hinton2015.jittered(echo(), pixels=2, dropout=0.0)
    found = moved(model, images).reshape(200, 7, 7)
    assert np.all(found.sum((1, 2)) == 1)
    rows, columns = (set(at.tolist()) for at in np.nonzero(found)[1:])
    assert rows == columns == {1, 2, 3, 4, 5}


def test_a_moved_transfer_set_has_every_image_so_many_times_with_its_label(tmp_path):
    images = np.zeros((4, 7, 7, 1), np.float32)
    images[np.arange(4), 3, 3] = np.arange(1, 5)[:, None]
    whole = data.in_memory(
        {"inputs": images, "label": np.arange(4)}, classes=tuple("abcd"), name="four"
    )
    one = job(tmp_path)._replace(config={"teacher": {"pixels": 2}})
    found = hinton2015._moved(one, whole, 50).arrays
    assert found["inputs"].shape == (200, 7, 7, 1)
    assert np.array_equal(found["inputs"].sum((1, 2, 3)), found["label"] + 1)
    _, rows, columns, _ = np.nonzero(found["inputs"])
    assert set(rows) == set(columns) == {1, 2, 3, 4, 5}
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 25


def test_images_are_still_where_there_is_no_training():
    images = jax.random.normal(jax.random.key(0), (3, 4, 4, 1))
    model = hinton2015.jittered(echo(), pixels=2, dropout=0.5)
    assert np.array_equal(moved(model, images, train=False), images.reshape(3, -1))


def test_pixels_left_out_keep_the_mean():
    model = hinton2015.jittered(echo(), pixels=0, dropout=0.2)
    found = moved(model, jnp.ones((50, 20, 20, 1)))
    assert set(np.unique(found)) == {0.0, np.float32(1.25)}
    assert found.mean() == pytest.approx(1.0, abs=0.01)


def test_errors_are_counted_and_those_of_threes_apart(tmp_path):
    row = hinton2015._row(job(tmp_path), "alone", one_hot([3, 5, 7, 1, 1]), 4)
    assert (row["errors"], row["errors_threes"], row["paper"]) == (2, 1, 146)
    assert row["accuracy"] == pytest.approx(0.6)


def test_a_bias_is_moved_no_further_than_it_helps(tmp_path):
    logits = 5.0 * one_hot([0, 0, 7, 8, 1])  # the threes lose by 2
    logits[:2] = 2.0 * one_hot([0, 0])
    row = hinton2015._corrected(job(tmp_path), "no_threes", logits, (3,), 1)
    assert row["errors"] == 0 and row["run"] == "no_threes_corrected"
    assert row["bias"] == pytest.approx(2.1)
    logits = one_hot([7, 7, 7, 8, 7]) + 0.45 * one_hot([3, 3, 3, 3, 1])
    row = hinton2015._corrected(job(tmp_path), "only_78", logits, (7, 8), -1)
    assert row["errors"] == 2 and row["bias"] == pytest.approx(-0.6)


def test_weights_into_a_unit_stay_within_a_ball():
    tx = optax.chain(optax.sgd(10.0), max_norm(1.5))
    params = {"w": jnp.ones((3, 2)), "b": jnp.ones(2)}
    grads = {"w": jnp.array([[1.0, 0.1]] * 3), "b": jnp.ones(2)}
    updates, _ = tx.update(grads, tx.init(params), params)
    found = optax.apply_updates(params, updates)
    np.testing.assert_allclose(np.linalg.norm(found["w"], axis=0), [1.5, 0], atol=1e-6)
    assert np.all(found["b"] == -9)


def test_a_configuration_asks_for_the_ball_by_name():
    spec = {"name": "sgd", "learning_rate": 1.0, "max_norm": 1.0}
    tx, params = optimiser(spec, num_steps=1), {"w": jnp.full((4, 1), 2.0)}
    updates, _ = tx.update(
        jax.tree.map(jnp.zeros_like, params), tx.init(params), params
    )
    assert np.linalg.norm(params["w"] + updates["w"]) == pytest.approx(1.0)


def test_outputs_keep_their_form():
    model = hinton2015.jittered(echo(), pixels=1, dropout=0.1)
    out, state = model.apply(
        {}, {}, {"inputs": jnp.ones((2, 4, 4, 1))}, train=True, key=jax.random.key(0)
    )
    assert isinstance(out, Outputs) and state == {}


def test_the_bar_of_all_runs_knows_each_of_them_and_its_steps(tmp_path, monkeypatch):
    done, bars = {}, []

    def trained(folder, name, config, learner, split, *, seed, num_steps, **more):
        assert more["progress"] == "the bar" and f"{name} {seed}" not in done
        done[f"{name} {seed}"] = num_steps
        return num_steps

    def bar(*, stages):
        bars.append(stages)
        return "the bar"

    digits = data.digits()
    monkeypatch.setattr(hinton2015.data, "tfds", lambda name: digits)
    monkeypatch.setattr(hinton2015, "trained", trained)
    monkeypatch.setattr(hinton2015, "_taught", lambda whole, teacher: whole)
    monkeypatch.setattr(hinton2015, "_temperatures", _only_trained)
    logits = np.zeros((digits.test.size, 10))
    monkeypatch.setattr(hinton2015, "_logits", lambda job, one: logits)
    monkeypatch.setattr(hinton2015.train, "progress", bar)
    c = config.get_config("smoke")
    c.seeds = (3, 5)
    c.student.longer, c.teacher.longer, c.teacher.epochs = (2, 7), (3, 4), 2
    list(hinton2015.run(c, tmp_path))
    assert [*bars[0].items()] == [*done.items()] and len(done) == 2 * 15


def _only_trained(job, taught, units):
    epochs = job.config["temperatures"]["epochs"]
    steps = hinton2015._steps(job.config, epochs, taught.size)
    hinton2015._train(job, f"units{units}", None, taught, steps)
    return ()


@pytest.mark.slow
def test_the_whole_grid_runs_and_goes_on_from_where_it_was(tmp_path, monkeypatch):
    """On 8x8 digits: the same images of MNIST need a data set that is downloaded."""
    monkeypatch.setattr(hinton2015.data, "tfds", lambda name: data.digits())
    c = config.get_config("smoke")
    c.temperatures.epochs = 8  # enough that they differ
    rows = list(hinton2015.run(c, tmp_path))
    by_name = {row["stage"]: row for row in rows}
    temperatures = {f"8 units, T = {t:g}" for t in c.temperatures["values"]}
    longer = {"distilled_2", "teacher_2", "distilled_by_2"}
    moved = {"distilled_moved_2", "distilled_moved_2_by_2"}
    assert set(by_name) == {*hinton2015.PAPER, *longer, *moved, *temperatures}
    assert by_name["distilled_2"]["epochs"] == by_name["teacher_2"]["epochs"] == 2
    assert by_name["distilled_by_2"]["epochs"] == 1
    assert len({by_name[name]["errors"] for name in temperatures}) > 1
    for name in ("no_threes", "only_78"):
        assert by_name[f"{name}_corrected"]["errors"] <= by_name[name]["errors"]
    missed = by_name["no_threes"]
    threes = np.sum(data.digits().test.arrays["label"] == 3)
    assert missed["errors_threes"] > threes / 2, "nobody has shown it a three"
    monkeypatch.setattr(hinton2015.train, "learner", forgetful)
    again = list(hinton2015.run(c, tmp_path))
    assert again == rows


LEARNER = train.learner


def forgetful(*args, **more):
    """A learner whose step loses everything: what is finished takes none."""
    learner = LEARNER(*args, **more)

    def step(*args):
        state, metrics = learner.step(*args)
        return state._replace(
            params=jax.tree.map(jnp.zeros_like, state.params)
        ), metrics

    return learner._replace(step=step)
