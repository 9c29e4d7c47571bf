"""Every example once, padding masked."""

import numpy as np
import pytest

from jdistill import data
from jdistill.batching import at_hand, batched


@pytest.fixture(scope="module")
def split():
    return data.digits().valid


@pytest.fixture(params=["in memory", "streamed"])
def either(request, split):
    return split if request.param == "in memory" else split._replace(arrays=None)


@pytest.mark.parametrize("batch_size", [1, 50, 1000])
def test_every_example_comes_once_in_order(either, batch_size):
    batches = list(data.eval_batches(either, batch_size=batch_size))
    assert {len(b["mask"]) for b in batches} == {batch_size}
    assert all(len(v) == batch_size for b in batches for v in b.values())
    ids = np.concatenate([b["id"][b["mask"] > 0] for b in batches])
    np.testing.assert_array_equal(ids, np.arange(either.size))


def test_padding_holds_an_example_a_model_can_read(either):
    batch = data.eval_batches(either, batch_size=either.size + 3)[0]
    assert batch["mask"].tolist() == [1] * either.size + [0] * 3
    for key in ("inputs", "label", "id"):
        assert (batch[key][-3:] == batch[key][either.size - 1]).all()


def test_full_batches_in_memory_are_not_copied(split):
    batch = data.eval_batches(split, batch_size=8)[1]
    assert np.shares_memory(batch["inputs"], split.arrays["inputs"])


def test_batches_can_be_read_twice(split):
    batches = data.eval_batches(split, batch_size=50)
    assert len(list(batches)) == len(list(batches)) == len(batches)


def test_a_batch_that_is_not_there_is_refused(split):
    batches = data.eval_batches(split, batch_size=50)
    with pytest.raises(IndexError, match=f"batch {len(batches)} of"):
        batches[len(batches)]


def test_a_batch_size_of_nothing_is_refused(split):
    with pytest.raises(ValueError, match=r"a whole number from 1 to \d+, got 0"):
        data.eval_batches(split, batch_size=0)


def test_a_split_is_read_in_batches_no_larger_than_it_is(split):
    sizes = [len(batch["mask"]) for batch in batched(split)]
    assert sizes == [split.size] and split.size < 256
    many = data.in_memory(split.take(np.arange(300) % 9), classes=split.classes)
    assert [len(batch["mask"]) for batch in batched(many)] == [256, 256]
    few = data.in_memory(split.take(np.arange(5)), classes=split.classes)
    assert [len(batch["mask"]) for batch in batched(few)] == [5]


def test_what_is_at_hand_of_a_split(split):
    assert at_hand(split) is split.arrays
    afar = split._replace(arrays=None)
    assert at_hand(afar)["id"].tolist() == split.arrays["id"].tolist()
    many = afar._replace(size=300, take=lambda rows: {"id": rows})
    assert len(at_hand(many)["id"]) == 256


def test_batches_come_as_they_are_and_a_wrong_one_is_named():
    several = [{"inputs": np.ones(2)} for _ in range(2)]
    for found, given in zip(batched(iter(several)), several, strict=True):
        assert found is given
    with pytest.raises(TypeError, match=r"^batches\[2\] must be a dictionary by name"):
        list(batched(iter([*several, (1, 2)])))
