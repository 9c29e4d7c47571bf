"""Prompts and their continuations as rows."""

import numpy as np

from jdistill.language import Generated, continued


def test_each_text_is_joined_at_its_own_length():
    prompts = {
        "inputs": np.array([[5, 6, 7], [8, 9, 9], [4, 9, 9]]),
        "token_mask": np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]]),
    }
    tokens = np.array([[1, 2, 3], [1, 2, 0], [3, 0, 0]])
    lengths = np.array([3, 2, 1])
    got = continued(prompts, Generated(tokens, lengths, tokens * 0.0))
    texts = [[5, 6, 7, 1, 2, 3], [8, 9, 1, 2], [4, 3]]
    for row, text in enumerate(texts):
        n = len(text) - 1
        assert got["inputs"][row, :n].tolist() == text[:-1]
        assert got["label"][row, :n].tolist() == text[1:]
        assert got["token_mask"][row].tolist() == [1] * n + [0] * (5 - n)
    assert (got["label_mask"] == got["token_mask"]).all()


def test_prompts_without_a_mask_are_whole():
    tokens = np.array([[1, 2]])
    got = continued({"inputs": tokens}, Generated(tokens, np.array([2]), tokens * 0.0))
    assert got["inputs"].tolist() == [[1, 2, 1]]
    assert got["token_mask"].tolist() == [[1, 1, 1]]
