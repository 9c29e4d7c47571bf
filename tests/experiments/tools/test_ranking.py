"""NDCG and recall of lists of ten."""

import numpy as np
import pytest

from experiments.tools.ranking import ranked


def test_lists_hold_no_known_item_and_count_as_the_equation_says():
    """Against a list made by hand: hits at ranks 1 and 3 of three wanted items."""
    scores = np.array([[9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3]])
    known, wanted = np.zeros((2, 1, 13))
    known[0, 0] = 1  # the best score is known
    wanted[0, [1, 3, 12]] = 1
    found = ranked(scores, known, wanted)
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert found.ndcg == pytest.approx((1 + 1 / 2) / ideal)
    assert found.recall == pytest.approx(2 / 3)


def test_more_wanted_items_than_places_are_no_fault_of_the_list():
    scores = -np.arange(20.0)[None]
    found = ranked(scores, np.zeros((1, 20)), np.ones((1, 20)))
    assert found == (pytest.approx(1.0), 1.0)
