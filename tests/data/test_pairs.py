"""Pairs of sources and texts as rows."""

import numpy as np
import pytest

from jdistill.data import pairs

SOURCES, TARGETS = [[7, 8, 9], [5]], [[9, 8], [5, 6, 5]]


def test_each_input_has_the_id_after_it_as_its_label():
    batch = pairs(SOURCES, TARGETS, start=3, end=1).arrays
    for i, target in enumerate(TARGETS):
        real = batch["token_mask"][i] > 0
        text = [3, *target, 1]
        assert batch["inputs"][i][real].tolist() == text[:-1]
        assert batch["label"][i][real].tolist() == text[1:]
        source = batch["source"][i][batch["source_mask"][i] > 0]
        assert source.tolist() == [*SOURCES[i], 1]
        padding = batch["inputs"][i][~real], batch["label"][i][~real]
        assert not np.any(padding) and (np.diff(batch["token_mask"][i]) <= 0).all()
    np.testing.assert_array_equal(batch["label_mask"], batch["token_mask"])


def test_rows_have_the_length_that_is_asked_for():
    batch = pairs(SOURCES, TARGETS, source_steps=6, steps=5).take([1, 0])
    assert batch["source"].shape == (2, 6) and batch["label"].shape == (2, 5)
    assert batch["id"].tolist() == [1, 0] and batch["source"][0, 0] == 5
    assert batch["source"].dtype == batch["inputs"].dtype == np.int32


@pytest.mark.parametrize(
    ("sources", "targets", "options", "message"),
    [
        ([], [], {}, "one at least, got 0 and 0"),
        ([[1]], [[1], [2]], {}, "as many sources as texts .* got 1 and 2"),
        ([[1], []], [[1], [2]], {}, "source 1 has no id"),
        ([[1], [2]], [[1], []], {}, "text 1 has no id"),
        ([[1], [2, 3]], [[1], [2]], dict(source_steps=1), "source 1 has 2 ids, and a"),
        ([[1]], [[1, 2]], dict(steps=2, end=1), "text 0 has 3 ids, and a row 2"),
        ([[1, -100]], [[1]], {}, "source 0 has the id -100"),
    ],
)
def test_pairs_that_are_none_are_named(sources, targets, options, message):
    with pytest.raises(ValueError, match=message):
        pairs(sources, targets, **options)


@pytest.mark.parametrize("wrong", [[0.5], [[1, 2]], ["a"]])
def test_ids_are_whole_numbers(wrong):
    with pytest.raises(TypeError, match="text 0 must be whole numbers in one row"):
        pairs([[1]], [wrong])
