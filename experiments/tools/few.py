"""Few labels: some examples of a training part keep theirs, the others teach without.

`config.labels` says how many examples keep their label (`examples`), how large their
share of a taught student's batch is (`share`), and what else is learned from without
labels (`pool`, a name of texts in `jdistill.data`). Without the section every example
has its label.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.tools import plan
from jdistill import data
from jdistill.build import build
from jdistill.typing import DataSet, Split

KEYS = ("examples", "share", "pool")
ORDER = 0
"""Seed of the order whose first examples keep their labels."""


class Few(NamedTuple):
    """The data of one fold.

    * `dataset`: its training part holds the labelled examples alone.
    * `transfer`: what a taught student learns from: those, and the others without
      labels. None where all have labels, and both are the same.
    """

    dataset: DataSet
    transfer: Split | None


def parted(config: Mapping[str, Any], parts: DataSet) -> Few:
    """A fold's data as `config.labels` asks.

    Raises:
        Mistake: more labels than examples, a class without a label, a share that
            leaves a batch without one kind, or texts for what does not take them.
    """
    spec = config.get("labels")
    if spec is None:
        return Few(parts, None)
    place = "config.labels"
    plan.needs(spec, KEYS[:2], place)
    plan.known(spec, KEYS, place)
    whole = parts.train
    plan.number(spec["examples"], f"{place}.examples", most=whole.size - 1)
    kept = rows(config, whole.size)
    labelled, others = subset(whole, kept), subset(whole, ~kept)
    present = np.unique(labelled.take(np.arange(labelled.size))["label"])
    missing = [name for i, name in enumerate(whole.classes) if i not in present]
    if missing:
        raise plan.Mistake(f"{place}.examples: none of the labelled is {missing[0]!r}")
    with plan.at(place):
        if spec.get("pool"):
            others = joined(others, _prepared(parts, spec["pool"], whole.classes))
        transfer = data.mixed(labelled, others, share=spec["share"])
        assert transfer.order is not None
        transfer.order(batch_size=config["batch_size"], seed=0)
    sizes = {"labelled": labelled.size, "unlabelled": others.size}
    told = {**parts.info, **sizes}
    return Few(parts._replace(train=labelled, info=told), transfer)


def rows(config: Mapping[str, Any], size: int) -> np.ndarray:
    """Which of so many training examples keep their labels, as booleans.

    The same for every model of a fold and every seed.

    Example:
        >>> rows({'labels': {'examples': 2}}, 5).sum(), rows({}, 5).sum()
        (np.int64(2), np.int64(5))
    """
    kept = np.ones(size, bool)
    if spec := config.get("labels"):
        number = spec["examples"]
        kept[:] = False
        kept[data.index_batches(size, batch_size=number, seed=ORDER).window(0, 1)] = 1
    return kept


def subset(split: Split, chosen: np.ndarray) -> Split:
    """The chosen examples of a split, counted anew.

    Args:
        split: all examples.
        chosen: booleans `[size]`.
    """
    return _in_memory(split.take(np.flatnonzero(chosen)), split.classes)


def joined(one: Split, two: Split) -> Split:
    """The examples of two splits that are prepared alike."""
    both = (s.take(np.arange(s.size)) for s in (one, two))
    whole = jax.tree.map(lambda *x: np.concatenate(x), *map(dict, both))
    return _in_memory(whole, one.classes)


def _in_memory(batch: Mapping[str, Any], classes: Sequence[str]) -> Split:
    arrays = {name: x for name, x in batch.items() if name != "id"}
    return data.in_memory(arrays, classes=classes, name="a part")


def _prepared(parts: DataSet, pool: str, classes: Any) -> Split:
    """Texts as the data set prepares its own; their label 0 is never read."""
    texts = build(data, {"name": pool})
    batch = parts.prepare(texts)
    return _in_memory({**batch, "label": np.zeros(len(texts), np.int32)}, classes)
