"""How many steps a dispatch holds, and which path the data take."""

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest

from jdistill import data, models, train
from jdistill.train import _dispatch
from tests.train.examples import CLASSES, HARD, adam, batch, close, split

PLAIN = adam()


class Conv(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(2, (3,))(x[..., None])
        return nn.Dense(CLASSES)(x.reshape(len(x), -1))


def window(learner=PLAIN, part=None, periods=(), **more):
    part = part or split()
    order = data.index_batches(part.size, batch_size=8, seed=0)
    state = jax.jit(learner.init)(jax.random.key(0), batch())
    return _dispatch.window_of(learner, part, state, None, order, list(periods))


@pytest.mark.parametrize(
    ("periods", "wanted"),
    [((), 96), ((4,), 4), ((20, 30), 10), ((200, 400), 50), ((7,), 7), ((1, 8), 1)],
)
def test_a_window_divides_every_period(periods, wanted):
    assert window(periods=periods) == wanted


def test_convolutions_run_one_step_a_dispatch_on_a_cpu():
    assert window(adam(models.from_linen(Conv()))) == 1


def test_a_stream_runs_one_step_a_dispatch():
    assert window(part=split()._replace(arrays=None)) == 1


def test_large_examples_make_small_windows(monkeypatch):
    monkeypatch.setattr(_dispatch, "WINDOW_BYTES", 10 * 8 * (5 * 4 + 4 + 4 + 4))
    assert window(periods=(20,)) == 10
    monkeypatch.setattr(_dispatch, "WINDOW_BYTES", 1)
    assert window(periods=(20,)) == 1


def run(**more):
    return train.run(
        PLAIN, split(), key=jax.random.key(0), num_steps=9, batch_size=8, **more
    )


def test_a_split_too_large_for_the_device_is_streamed_whatever_the_window(monkeypatch):
    resident = run(steps_per_dispatch=4)
    monkeypatch.setattr(_dispatch, "RESIDENT_BYTES", 1)
    means = []
    found = run(
        steps_per_dispatch=4, every={3: lambda s, m: means.append(float(m["loss"]))}
    )
    assert close(found, resident)
    assert len(means) == 3


def test_convolutions_train_like_that_too():
    learner = train.learner(models.from_linen(Conv()), HARD, optax.sgd(0.1))
    one, two = (
        train.run(learner, split(), key=jax.random.key(0), num_steps=4, batch_size=8,
                  steps_per_dispatch=n)
        for n in (None, 4)
    )  # fmt: skip
    assert close(one, two)


def test_padding_of_the_resident_arrays_is_never_read():
    found = _dispatch._padded({"x": np.ones((40, 2)), "id": np.arange(40)})
    assert found["x"].shape == (1024, 2)
    assert (found["x"][40:] == 0).all()
    exact = _dispatch._padded({"x": np.ones((1024, 2))})
    assert exact["x"].shape == (1024, 2)


def test_a_stream_is_opened_anew_where_a_run_goes_on():
    part = split()._replace(arrays=None)
    order = data.index_batches(part.size, batch_size=8, seed=0)
    stream = _dispatch._Stream(part, order)
    for step in (0, 1, 5, 6, 2):
        assert (stream.batch(step)["id"] == order.window(step, step + 1)[0]).all()
