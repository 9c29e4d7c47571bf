"""A row is found by document, offset and what was read, and by nothing else."""

import numpy as np
import pytest

from jdistill.data import _token_keys as keys

TEXT = np.random.default_rng(0).integers(0, 50, 40)


def batch_of(*starts, steps=8, document=0, first=None, text=TEXT):
    """Windows of a text, behind a first token where one is given."""
    offset = np.array([np.arange(s, s + steps) for s in starts])
    inputs = text[offset]
    if first is not None:
        inputs, offset = inputs.copy(), np.maximum(offset - 1, 0)
        inputs[:, 1:], inputs[:, 0] = inputs[:, :-1].copy(), first
        offset[:, 0] = 0  # not its place in the text
    return {
        "inputs": inputs,
        "offset": offset,
        "document": np.full(inputs.shape, document),
    }


def written(*batches):
    """All keys and an index of them, with what the rows would be asked for."""
    every = [keys.keys_of(batch) for batch in batches]
    joined = keys.Keys(*(np.concatenate(x) for x in zip(*every, strict=True)))
    index = keys.index_of(keys.runs_of(joined))
    return index, lambda rows: joined.context[rows], joined


def test_tokens_are_found_in_any_order_and_number_of_windows():
    index, context, every = written(batch_of(0, 8, 16), batch_of(0, 8, document=3))
    assert len(index.key) == 2
    found = keys.find(index, keys.keys_of(batch_of(16, 0)), context)
    assert found.tolist() == [*range(16, 24), *range(8)]
    found = keys.find(index, keys.keys_of(batch_of(8, document=3)), context)
    assert found.tolist() == [*range(32, 40)]
    assert len(every.offset) == 40


def test_where_windows_overlap_the_row_that_has_read_the_same_is_taken():
    index, context, _ = written(batch_of(0, 3, 5, 6))
    for row, start in enumerate((0, 3, 5, 6)):
        found = keys.find(index, keys.keys_of(batch_of(start)), context)
        assert found.tolist() == [*range(8 * row, 8 * row + 8)]


def test_windows_with_a_first_token_of_one_place_are_told_apart():
    index, context, _ = written(batch_of(0, 7, 14, first=49))
    found = keys.find(index, keys.keys_of(batch_of(7, 14, first=49)), context)
    assert set(found[[0, 8]]) <= {0, 8, 16}  # all of them have read the same
    assert np.delete(found, [0, 8]).tolist() == [*range(9, 16), *range(17, 24)]


@pytest.mark.parametrize(
    "other",
    [
        batch_of(1),
        batch_of(0, first=49),
        batch_of(0, text=np.concatenate([[49 - TEXT[0]], TEXT[1:]])),
    ],
    ids=["cut elsewhere", "first token", "text"],
)
def test_another_context_is_refused(other):
    index, context, _ = written(batch_of(0, 8, 16))
    with pytest.raises(
        ValueError, match=r"of other windows: its row of document 0, of"
    ):
        keys.find(index, keys.keys_of(other), context)


def test_a_token_that_was_never_written_is_named():
    index, context, _ = written(batch_of(0))
    for other in (batch_of(4, document=1), batch_of(32), batch_of(0, document=-1)):
        with pytest.raises(ValueError, match="has no row of document"):
            keys.find(index, keys.keys_of(other), context)
    with pytest.raises(ValueError, match="has no row of document 0, offset 0"):
        nothing = keys.Runs(*(np.zeros(0, int) for _ in range(4)))
        keys.find(keys.index_of(nothing), keys.keys_of(batch_of(0)), context)


def test_packed_documents_have_read_what_they_have_alone():
    """A segment's hash begins anew, wherever in the row it stands."""
    alone = batch_of(0), batch_of(0, document=1, text=TEXT[::-1])
    packed = {
        name: np.concatenate([x[name] for x in alone], axis=1) for name in alone[0]
    }
    packed["segment"] = np.repeat([[1, 2]], 8, axis=1)
    both = [keys.keys_of(batch).context for batch in alone]
    assert np.array_equal(keys.keys_of(packed).context, np.concatenate(both))
    packed["segment"][:] = 1
    assert not np.array_equal(keys.keys_of(packed).context[8:], both[1])


def test_padding_has_no_key():
    batch = batch_of(0)
    batch["token_mask"] = (np.arange(8) < 5)[None]
    assert keys.keys_of(batch).offset.tolist() == [0, 1, 2, 3, 4]


def test_hashes_of_other_contexts_differ_as_often_as_chance_has_it():
    many = np.random.default_rng(1).integers(0, 3, (3000, 5))
    batch = {"inputs": many, "document": many, "offset": many}
    last = keys.keys_of(batch).context.reshape(3000, 5)[:, -1]
    different = len({tuple(x) for x in many.tolist()})
    assert different == 243 and 240 <= len(set(last.tolist())) <= 243
    order = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    batch = {"inputs": order, "document": order, "offset": order}
    assert len(set(keys.keys_of(batch).context[1::2].tolist())) == 4


def test_what_a_batch_lacks_is_named():
    batch = batch_of(0)
    with pytest.raises(ValueError, match=r"the batch has no 'offset'; there are \['do"):
        keys.keys_of({name: batch[name] for name in ("inputs", "document")})
    with pytest.raises(
        ValueError, match=r"must be \[batch, steps\], got \(1, 8\), \(8,"
    ):
        keys.keys_of({**batch, "document": batch["document"][0]})
