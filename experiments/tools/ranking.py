"""What lists of ten find of the items that somebody took."""

from typing import NamedTuple

import numpy as np

LIST = 10


class Ranked(NamedTuple):
    """Means over users of what lists of ten find."""

    ndcg: float
    recall: float


def ranked(scores: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> Ranked:
    r"""NDCG and recall of the ten best items that are not known.

    .. math:: \text{NDCG} = \frac{\sum_{r \le 10} y_r / \log_2(r + 1)}
        {\sum_{r \le \min(10, n)} 1 / \log_2(r + 1)}

    y_r is 1 where the item of rank r is wanted, n how many are; recall is the number
    found over min(10, n). All items are ranked, not a sample, which would flatter
    some models more than others (Krichene, Rendle, KDD 2020).

    Example:
        >>> scores = np.array([[3.0, 2.0, 1.0]])
        >>> found = ranked(scores, np.array([[1, 0, 0]]), np.array([[0, 0, 1]]))
        >>> round(found.ndcg, 4), found.recall
        (0.6309, 1.0)
    """
    order = np.argsort(-np.where(known > 0, -np.inf, scores), axis=1, kind="stable")
    hits = np.take_along_axis(wanted > 0, order[:, :LIST], axis=1)
    gain = 1 / np.log2(np.arange(hits.shape[1]) + 2)
    most = np.minimum(hits.shape[1], (wanted > 0).sum(1))
    ideal = np.cumsum(gain)[most - 1]
    return Ranked(
        float(np.mean(hits @ gain / ideal)), float(np.mean(hits.sum(1) / most))
    )
