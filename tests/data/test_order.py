"""The order of the examples, by step, window, dataset, shard and stream."""

import itertools

import numpy as np
import pytest

from jdistill import data


@pytest.mark.parametrize("size, batch_size", [(10, 3), (12, 4), (3, 8), (1, 1), (5, 5)])
def test_every_epoch_visits_every_example_once(size, batch_size):
    order = data.index_batches(size, batch_size=batch_size, seed=1)
    positions = order.window(0, 6 * size).reshape(-1)
    for epoch in positions.reshape(-1, size):
        assert sorted(epoch) == list(range(size))


def test_every_batch_is_full_and_an_index():
    order = data.index_batches(10, batch_size=7, seed=0)
    window = order.window(0, 9)
    assert window.shape == (9, 7) and window.dtype == np.int32


@pytest.mark.parametrize("size, batch_size", [(10, 3), (3, 8)])
def test_a_window_is_its_steps_wherever_it_starts(size, batch_size):
    order = data.index_batches(size, batch_size=batch_size, seed=3)
    whole = order.window(0, 20)
    for start, stop in itertools.combinations(range(20), 2):
        np.testing.assert_array_equal(order.window(start, stop), whole[start:stop])


def test_an_empty_window_has_no_steps():
    assert data.index_batches(5, batch_size=2, seed=0).window(4, 4).shape == (0, 2)


def test_the_dataset_gives_the_same_steps():
    order = data.index_batches(10, batch_size=3, seed=3)
    for step in (0, 3, 999, 10**6):
        wanted = order.window(step, step + 1)[0]
        np.testing.assert_array_equal(order.dataset[step], wanted)


def test_epochs_and_seeds_have_orders_of_their_own():
    epochs = [
        tuple(data.index_batches(50, batch_size=50, seed=s).window(e, e + 1)[0])
        for s in range(3)
        for e in range(3)
    ]
    assert len(set(epochs)) == 9


def test_the_order_is_the_same_for_ever():
    order = data.index_batches(8, batch_size=8, seed=42)
    assert order.window(0, 2).tolist() == GOLDEN


GOLDEN = [[7, 0, 4, 2, 1, 3, 5, 6], [5, 1, 4, 7, 3, 0, 2, 6]]


def test_parts_are_positions_of_the_whole_batch():
    order = data.index_batches(10, batch_size=6, seed=0)
    rows = np.array([2, 5])
    part = order.part(rows)
    np.testing.assert_array_equal(part.window(2, 9), order.window(2, 9)[:, rows])
    np.testing.assert_array_equal(part.dataset[4], order.dataset[4][rows])
    assert part.batch_size == 2


@pytest.mark.parametrize("rows", [[], [6], [-1, 2]])
def test_positions_outside_the_batch_are_refused(rows):
    order = data.index_batches(10, batch_size=6, seed=0)
    with pytest.raises(ValueError, match="must be some of 0 to 5"):
        order.part(np.array(rows, int))


@pytest.mark.parametrize(
    "size, kw, message",
    [
        (0, dict(batch_size=1, seed=0), "size must be a whole number from 1, got 0"),
        (
            1,
            dict(batch_size=0, seed=0),
            "batch_size must be a whole number from 1, got 0",
        ),
        (1, dict(batch_size=1, seed=-1), "seed must be a whole number from 0"),
    ],
)
def test_numbers_out_of_range_are_refused(size, kw, message):
    with pytest.raises(ValueError, match=message):
        data.index_batches(size, **kw)


@pytest.fixture(scope="module")
def split():
    return data.digits().valid


@pytest.mark.parametrize("start", [0, 5])
def test_a_stream_gives_what_gathering_on_the_device_gives(split, start):
    order = data.index_batches(split.size, batch_size=16, seed=0)
    streamed = list(data.stream(split, order, start=start, stop=20))
    assert len(streamed) == 20 - start
    for indices, batch in zip(order.window(start, 20), streamed, strict=True):
        for key, values in split.arrays.items():
            np.testing.assert_array_equal(batch[key], values[indices])


def test_a_stream_of_a_split_that_is_not_in_memory_is_the_same(split):
    order = data.index_batches(split.size, batch_size=4, seed=0)
    lazy = split._replace(arrays=None)
    first, second = (data.stream(s, order, stop=5) for s in (split, lazy))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one["id"], other["id"])


def test_a_stream_without_a_stop_goes_on(split):
    order = data.index_batches(split.size, batch_size=64, seed=0)
    batches = itertools.islice(data.stream(split, order, start=10**6), 3)
    ids = np.stack([b["id"] for b in batches])
    np.testing.assert_array_equal(ids, order.window(10**6, 10**6 + 3))


def test_an_error_while_reading_ahead_arrives(split):
    def take(indices):
        raise ValueError("unreadable")

    order = data.index_batches(split.size, batch_size=4, seed=0)
    with pytest.raises(ValueError, match="unreadable"):
        next(data.stream(split._replace(take=take), order))


def test_an_order_for_another_split_is_refused(split):
    order = data.index_batches(split.size + 1, batch_size=4, seed=0)
    with pytest.raises(ValueError, match=f"the split has {split.size}"):
        data.stream(split, order)
