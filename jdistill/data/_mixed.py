"""A labelled and an unlabelled split in every batch, at a given share."""

from typing import Any

import jax
import numpy as np

from jdistill import checks, kinds
from jdistill.data._order import IndexBatches, index_batches, order_of
from jdistill.typing import Batch, Split


def mixed(labeled: Split, unlabeled: Split, *, share: float) -> Split:
    r"""A split whose batches hold labelled and unlabelled examples at a given share.

    Examples of the second split have `label_mask` 0: terms that read labels leave them
    out, all others count them. So a teacher's soft labels are learned on many examples
    and the true ones on the few that have them. Of a batch of B examples
    :math:`round(share \cdot B)` are labelled, evenly spread over it; each split is
    visited in an order of its own, once an epoch of its own.

    Args:
        labeled: examples with labels; `id` is theirs.
        unlabeled: examples whose labels, if they have any, are not used; their `id`
            is moved past the labelled ones'. Classes need not be the same.
        share: of the labelled examples in a batch, above 0 and below 1.

    Returns:
        A split for `run`, of as many examples as both have.

    Raises:
        ValueError: the share is out of range, or the splits are not prepared alike; in
            training, a batch too small to hold both.

    References:
        Beyer et al., Knowledge distillation: a good teacher is patient and consistent,
        CVPR 2022 (arXiv:2106.05237), on data without labels.

    Example:
        >>> from jdistill import data
        >>> few, many = data.digits().valid, data.digits().train
        >>> both = mixed(few, many, share=0.25)
        >>> rows = both.order(batch_size=8, seed=0).window(0, 1)[0]
        >>> both.take(rows)['label_mask'].tolist()
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    """
    kinds.split(labeled=labeled, unlabeled=unlabeled)
    checks.share(share=share)
    first, total = labeled.size, labeled.size + unlabeled.size
    _check_alike(labeled.take(np.arange(1)), unlabeled.take(np.arange(1)))

    def take(indices: Any) -> Batch:
        rows = np.asarray(indices)
        has = rows < first
        one = labeled.take(np.where(has, rows, 0))
        two = _bare(unlabeled.take(np.where(has, 0, rows - first)), first, one)

        def chosen(a, b):
            return np.where(has.reshape(-1, *[1] * (a.ndim - 1)), a, b)

        return jax.tree.map(chosen, _marked(one, two), two)

    arrays = None
    if labeled.arrays is not None and unlabeled.arrays is not None:
        parts = (
            _marked(labeled.arrays, unlabeled.arrays),
            _bare(unlabeled.arrays, first, labeled.arrays),
        )
        arrays = jax.tree.map(lambda *x: np.concatenate(x), *parts)

    def order(*, batch_size: int, seed: int) -> IndexBatches:
        return _interleaved(first, total, share, batch_size, seed)

    return Split(total, take, arrays, labeled.classes, order)


def _interleaved(first, total, share, batch_size, seed) -> IndexBatches:
    few = round(share * batch_size)
    if not 0 < few < batch_size:
        raise ValueError(
            f"a batch of {batch_size} at share {share} has {few} labelled examples: "
            "both kinds must be in it"
        )
    ends = np.arange(1, batch_size + 1) * few // batch_size
    has_label = np.diff(ends, prepend=0) > 0
    one = index_batches(first, batch_size=few, seed=seed)
    two = index_batches(total - first, batch_size=batch_size - few, seed=seed)

    def window(start: int, stop: int) -> np.ndarray:
        rows = np.empty((stop - start, batch_size), np.int32)
        rows[:, has_label] = one.window(start, stop)
        rows[:, ~has_label] = two.window(start, stop) + first
        return rows

    return order_of(window, total, batch_size)


def _marked(batch: Batch, other: Batch) -> dict[str, Any]:
    """Those that have a label, but for those that the split itself says have none."""
    marks = {"label_mask": np.ones(len(batch["id"]), np.float32)}
    return _weighted({**marks, **batch}, other)


def _weighted(batch: dict[str, Any], other: Batch) -> dict[str, Any]:
    """With weights of 1 where only the other side has weights."""
    if "weight" not in other or "weight" in batch:
        return batch
    return {**batch, "weight": np.ones(len(batch["id"]), other["weight"].dtype)}


def _bare(batch: Batch, first: int, like: Batch) -> dict[str, Any]:
    size, wanted = len(batch["id"]), like["label"]
    label = np.zeros((size, *wanted.shape[1:]), wanted.dtype)
    mask = np.zeros((size, *like["label_mask"].shape[1:]) if "label_mask" in like
                    else size, np.float32)  # fmt: skip
    own = {"label": label, "label_mask": mask, "id": batch["id"] + first}
    return _weighted({**batch, **own}, like)


def _check_alike(one: Batch, two: Batch) -> None:
    def form(batch):
        alike = {
            k: x for k, x in batch.items() if k not in ("label", "label_mask", "weight")
        }
        return jax.tree.map(lambda x: (x.dtype, x.shape[1:]), alike)

    if form(one) != form(two):
        raise ValueError(
            f"mixed splits must be prepared alike: {form(one)} against {form(two)}"
        )
