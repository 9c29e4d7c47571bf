"""Examples of one's own, texts or arrays, as a data set of three parts."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax import dtypes

from jdistill import kinds
from jdistill.checks import whole
from jdistill.data._labels import Labels, labels_of
from jdistill.data._sources import scale, scaled
from jdistill.data._splits import Parts, check_classes, digests, folds, in_memory
from jdistill.data._text import Tokens, fitted, refuse_empty
from jdistill.typing import Batch, DataSet
from jdistill.words import check_path, check_texts

VALID = 0.1
"""Share of the training examples that become the valid part where none is given."""
MOST_FOLDS = 2**16


class Examples(NamedTuple):
    """What was read of a file, or of a folder.

    `inputs` are texts, or an array `[size, ...]`; `label` is as `labels_of` reads it;
    `weight` is a number for each example or None.
    """

    inputs: Any
    label: Any = None
    weight: Any = None


def data_set(
    read: Callable[[Any], Examples],
    files: Parts,
    *,
    name: str,
    classes: Sequence[str] | None,
    fold: int,
    num_folds: int,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
) -> DataSet:
    """The data set of examples that were read.

    Args:
        read: gives what a file holds.
        files: train, valid and test; None where a part is to be taken from the others.
        name: of the data set, in `info`.
        classes: the labels' names in order; by default those that occur, sorted.
        fold: which fold of one file is the test part.
        num_folds: number of folds; an example's fold is a hash of its inputs.
        prepare: makes tokens of texts, fitted on the training part.

    Returns:
        Splits in memory.

    Raises:
        ValueError: there is no such fold, or an example is not usable.

    Example:
        >>> one = Examples(np.arange(40.0)[:, None], np.arange(40) % 2)
        >>> made = data_set(lambda x: x, Parts(one, None, None), name='mine',
        ...     classes=('a', 'b'), fold=0, num_folds=5)
        >>> made.train.size + made.valid.size + made.test.size
        40
    """
    _check(classes, fold, num_folds, prepare)
    found, sizes = _joined(Parts(*(x if x is None else read(x) for x in files)))
    texts = not isinstance(found.inputs, np.ndarray)
    if prepare is not None and not texts:
        raise ValueError("prepare= is for texts, and the inputs are numbers")
    encode: Any = str.encode if texts else np.ndarray.tobytes
    hashes = digests(map(encode, found.inputs))
    rows = _rows(files, sizes, hashes, fold=fold, num_folds=num_folds)
    labels = labels_of(found.label, classes=classes, size=len(hashes))
    _check_train(labels, rows.train)
    info = {
        "dataset": name,
        "fold": fold,
        "num_folds": num_folds if files.test is None else 1,
        "sizes": {part: len(own) for part, own in rows._asdict().items()},
        "classes": labels.classes,
        "fingerprint": hashlib.blake2b(hashes.tobytes(), digest_size=16).hexdigest(),
        "test_in_train": _repeated(hashes, rows),
    }
    if texts:
        tokens = _tokens(found.inputs, rows, prepare)
    else:
        tokens = Tokens(_arrays(found.inputs.shape[1:]), scaled(found.inputs.dtype))
    parts = {
        part: in_memory(
            _batch(found, labels, own, tokens.prepare),
            classes=labels.classes,
            name=part,
        )
        for part, own in rows._asdict().items()
    }
    info |= tokens.info
    learned = tokens.tokenizer
    return DataSet(**parts, prepare=tokens.prepare, info=info, tokenizer=learned)


def check_files(files: Parts) -> None:
    """Refuses what are no paths; only the training part must be there.

    Raises:
        TypeError: names the part.

    Example:
        >>> check_files(Parts('a.csv', None, None))
    """
    for name, path in files._asdict().items():
        if path is not None or name == "train":
            check_path(**{name: path})


def _check(classes: Any, fold: Any, num_folds: Any, prepare: Any) -> None:
    whole(fold=fold, least=0)
    whole(num_folds=num_folds, least=2, most=MOST_FOLDS)
    if classes is not None:
        check_texts(classes=classes)
    if prepare is not None:
        kinds.function(prepare=prepare)


def _joined(files: Parts) -> tuple[Examples, list[int]]:
    """All examples one after the other, and how many each file has."""
    there = [file for file in files if file is not None]
    sizes = [0 if file is None else len(file.inputs) for file in files]
    inputs = [file.inputs for file in there]
    if isinstance(inputs[0], np.ndarray):
        shapes = {x.shape[1:] for x in inputs}
        if len(shapes) > 1:
            raise ValueError(f"the files' inputs differ in shape: {sorted(shapes)}")
        joined: Any = np.concatenate(inputs)
    else:
        joined = [x for texts in inputs for x in texts]

    def column(key: str) -> Any:
        values = [getattr(file, key) for file in there]
        if all(value is None for value in values):
            return None
        filled = [[None] * len(file.inputs) for file in there]
        return [
            x
            for value, none in zip(values, filled, strict=True)
            for x in (none if value is None else value)
        ]

    return Examples(joined, column("label"), column("weight")), sizes


def _rows(files: Parts, sizes, hashes, *, fold: int, num_folds: int) -> Parts:
    if files.test is None:
        if files.valid is not None:
            raise ValueError("valid= needs test=: without both, folds give the parts")
        return folds(hashes, fold=fold, num_folds=num_folds, valid_part=VALID)
    if fold:
        raise ValueError(f"fold={fold}: with test= given there is no fold but 0")
    train, valid, test = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:2])
    if files.valid is None:
        held = hashes[train, 1] < np.uint64(int(VALID * 2**64))
        train, valid = train[~held], train[held]
    return Parts(train, valid, test)


def _check_train(labels: Labels, train: np.ndarray) -> None:
    if labels.label.dtype == np.int32 and labels.classes:
        there = train if labels.mask is None else train[labels.mask[train] != 0]
        if len(there):
            placed = np.clip(labels.label[there], 0, len(labels.classes) - 1)
            check_classes(placed, classes=labels.classes, name="train")


def _repeated(hashes: np.ndarray, rows: Parts) -> int:
    train = {tuple(x) for x in hashes[rows.train].tolist()}
    return sum(tuple(x) in train for x in hashes[rows.test].tolist())


def _tokens(texts: Sequence[Any], rows: Parts, fit: Any) -> Tokens:
    for part, own in rows._asdict().items():
        refuse_empty([texts[i] for i in own], part)
    return fitted(fit, [texts[i] for i in rows.train])


def _arrays(shape: tuple[int, ...]) -> Callable[[Any], Batch]:
    def prepare(examples: Any) -> Batch:
        x = np.asarray(examples)
        if (*x.shape[1:], 1) == shape:  # images without their one channel
            x = x[..., None]
        if x.shape[1:] != shape:
            raise ValueError(
                f"examples are [batch, {', '.join(map(str, shape))}], "
                f"got {list(x.shape)}"
            )
        x = scale(x)
        return {"inputs": x.astype(dtypes.canonicalize_dtype(x.dtype))}

    return prepare


def _batch(whole: Examples, labels: Labels, rows: np.ndarray, prepare: Any) -> Batch:
    texts = not isinstance(whole.inputs, np.ndarray)
    own = [whole.inputs[i] for i in rows] if texts else whole.inputs[rows]
    batch: dict[str, Any] = {**prepare(own), "label": labels.label[rows]}
    if labels.mask is not None:
        batch["label_mask"] = labels.mask[rows]
    if whole.weight is not None:
        given: Mapping[int, Any] = {i: whole.weight[i] for i in rows}
        missing = [i for i, x in given.items() if x is None]
        if missing:
            raise ValueError(f"example {missing[0]} has no weight, and others have one")
        batch["weight"] = np.array([*given.values()], np.float32)
    return batch
