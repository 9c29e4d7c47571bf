"""Splits held in memory: folds by a hash of the example, and checks when built."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill import kinds
from jdistill.checks import share, whole
from jdistill.data._labels import check_labels
from jdistill.tree import flatten
from jdistill.typing import Batch, Split


class Parts(NamedTuple):
    """One value for each part of a data set."""

    train: Any
    valid: Any
    test: Any


def digests(examples: Iterable[bytes]) -> np.ndarray:
    """Two 64-bit numbers for each example, the same in every process and Python.

    Args:
        examples: the bytes of each example.

    Returns:
        uint64 `[size, 2]`: the first decides the fold, the second the valid part.

    Example:
        >>> digests([b'a', b'b']).shape
        (2, 2)
    """
    raw = [hashlib.blake2b(x, digest_size=16).digest() for x in examples]
    return np.frombuffer(b"".join(raw), "<u8").reshape(-1, 2)


def folds(
    hashes: np.ndarray, *, fold: int, num_folds: int, valid_part: float = 0.1
) -> Parts:
    """Indices of the parts: test is one fold, valid a part of the rest.

    Equal examples have equal hashes, so they are never on both sides of a split.

    Args:
        hashes: uint64 `[size, 2]` from `digests`.
        fold: which fold is the test part, 0 to `num_folds - 1`.
        num_folds: number of folds, 2 or more.
        valid_part: share of the other folds that becomes the valid part.

    Returns:
        Indices of train, valid and test, in the order of the examples.

    Raises:
        ValueError: there is no such fold.

    Example:
        >>> parts = folds(digests([b'%d' % i for i in range(100)]), fold=0, num_folds=5)
        >>> sum(map(len, parts))
        100
    """
    whole(num_folds=num_folds, least=2)
    whole(fold=fold, least=0, most=num_folds - 1)
    share(valid_part=valid_part)
    test = hashes[:, 0] % np.uint64(num_folds) == fold
    valid = ~test & (hashes[:, 1] < np.uint64(int(valid_part * 2**64)))
    return Parts(*(np.flatnonzero(m) for m in (~test & ~valid, valid, test)))


def in_memory(
    batch: Batch, *, classes: Sequence[str] = (), name: str = "data"
) -> Split:
    """A split whose examples are all in memory.

    Args:
        batch: arrays `[size, ...]` with `inputs` and `label`; `id` is added. A label is
            a class, an integer; several or shares of them, floats `[size, classes]`
            from 0 to 1; or a number, a float. `label_mask` is 0 where there is none,
            `weight` says how much an example counts in the terms of an objective.
        classes: the names of the labels, in order. Where there is neither `label` nor
            `classes`, the examples have no labels.
        name: what messages call the split.

    Returns:
        A split with `arrays`.

    Raises:
        ValueError: an example is not usable; the message names its id.

    Example:
        >>> batch = {'inputs': np.eye(2), 'label': np.array([0, 1])}
        >>> in_memory(batch, classes=('no', 'yes')).take([1])['id']
        array([1], dtype=int32)
        >>> in_memory({'inputs': np.eye(2)}).take([1])['label_mask']
        array([0.], dtype=float32)
    """
    kinds.mapping(batch=batch)
    arrays = dict(_with_labels(batch, classes, name))
    size = len(arrays["label"])
    arrays["id"] = np.arange(size, dtype=np.int32)
    arrays["label"] = np.asarray(arrays["label"])
    check(arrays, classes=classes, name=name)
    floating = np.issubdtype(arrays["label"].dtype, np.floating)
    arrays["label"] = arrays["label"].astype(np.float32 if floating else np.int32)
    return Split(size, lambda indices: gather(arrays, indices), arrays, tuple(classes))


def _with_labels(batch: Batch, classes: Any, name: str) -> Batch:
    """Refuses what are no arrays [size, ...], and names that are one word."""
    if "inputs" not in batch:
        raise ValueError(f"{name}: no 'inputs'; there are {sorted(batch)}")
    for path, value in batch.items():
        if path == "label" and isinstance(value, list | tuple):
            continue
        if not isinstance(value, Mapping) and not getattr(value, "shape", ()):
            found = kinds.got(value)
            raise TypeError(f"{name}: {path!r} must be an array [size], got {found}")
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        raise TypeError(f"{name}: classes must be the labels' names, got {classes!r}")
    if "label" in batch:
        return batch
    if classes:
        raise ValueError(
            f"{name}: no 'label'; there are {sorted(batch)}. Leave classes= out where "
            "examples have no labels"
        )
    none = np.zeros(len(batch["inputs"]), np.float32)
    return {**batch, "label": none.astype(np.int32), "label_mask": none}


def gather(arrays: Mapping[str, np.ndarray], indices: Any) -> dict[str, np.ndarray]:
    """The given rows of every array.

    Example:
        >>> gather({'id': np.arange(5)}, [3, 1])
        {'id': array([3, 1])}
    """
    rows = np.asarray(indices)
    return jax.tree.map(lambda value: value[rows], dict(arrays))


def check(batch: Batch, *, classes: Sequence[str], name: str) -> None:
    """Refuses examples that would spoil a training silently.

    Args:
        batch: arrays with `inputs`, `label` and `id`.
        classes: the names of the labels, in order.
        name: what messages call the split.

    Raises:
        ValueError: too few classes, no examples, arrays of different sizes, a label
            out of range, or an input that is not finite.

    Example:
        >>> batch = {'inputs': np.eye(2), 'label': np.array([0, 7]), 'id': np.arange(2)}
        >>> check(batch, classes=('no', 'yes'), name='train')
        Traceback (most recent call last):
        ValueError: train, example 1: label 7 is not one of the 2 classes 0 to 1
    """
    label = np.asarray(batch["label"])
    if len(label) == 0:
        raise ValueError(f"{name}: there are no examples")
    sizes = {path: len(value) for path, value in flatten(batch).items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{name}: the arrays differ in size: {sizes}")
    ids, mask = batch["id"], batch.get("label_mask")
    check_labels(label, mask, ids=ids, classes=classes, name=name)
    _refuse_inputs(np.asarray(batch["inputs"]), ids, name)
    if "weight" in batch:
        _refuse_weights(np.asarray(batch["weight"]), ids, name)


def check_classes(labels: Any, *, classes: Sequence[str], name: str) -> None:
    """Refuses a part in which a class never occurs.

    Raises:
        ValueError: naming the classes that are missing.

    Example:
        >>> check_classes([0, 0], classes=('no', 'yes'), name='train')
        Traceback (most recent call last):
        ValueError: train: no example of the classes ['yes']
    """
    counts = np.bincount(np.asarray(labels), minlength=len(classes))
    missing = [c for c, n in zip(classes, counts, strict=True) if n == 0]
    if missing:
        raise ValueError(f"{name}: no example of the classes {missing}")


def _refuse_weights(weight, ids, name):
    if weight.ndim != 1:
        raise ValueError(f"{name}: weights must be [size], got {list(weight.shape)}")
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            f"{name}, example {ids[i]}: weight {weight[i]} is no finite number from 0"
        )


def _refuse_inputs(inputs, ids, name):
    if not np.issubdtype(inputs.dtype, np.floating):
        return
    finite = np.isfinite(inputs).reshape(len(inputs), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{name}, example {ids[np.argmin(finite)]}: the inputs are not finite"
        )
