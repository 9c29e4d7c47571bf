"""Labels of one's own: names, numbers, shares of classes, several classes, or none."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Labels(NamedTuple):
    """What a batch holds of labels.

    `label` is int32 `[size]` of classes, float32 `[size, classes]` of shares or of
    several classes, or float32 `[size]` of numbers; `mask` is 0 where there is no
    label, None where all are there.
    """

    label: np.ndarray
    mask: np.ndarray | None
    classes: tuple[str, ...]


def labels_of(values: Any, *, classes: Sequence[str] | None, size: int) -> Labels:
    """Labels as they stand in a file, as arrays.

    Nothing, an empty text, NaN and a negative whole number stand for no label.

    Args:
        values: one for each example: a name, a number, a list of names, or a list of
            shares; None where no example has one.
        classes: the names in order; by default those that occur, sorted.
        size: how many examples there are.

    Returns:
        Arrays of `size` labels, and the classes' names.

    Raises:
        ValueError: labels of several kinds, or a name that is no class.

    Example:
        >>> labels_of(['hen', 'fox', ''], classes=None, size=3)
        Labels(label=array([1, 0, 0], dtype=int32),
            mask=array([1., 1., 0.], dtype=float32), classes=('fox', 'hen'))
    """
    names = None if classes is None else tuple(classes)
    given = [] if values is None else values
    there = np.array([not _absent(x) for x in given], bool)
    if not there.any():
        none = np.zeros(size, np.float32)
        return Labels(none.astype(np.int32), none, names or ())
    found, names = _encoded([x for x in given if not _absent(x)], names)
    label = np.zeros((size, *found.shape[1:]), found.dtype)
    label[there] = found
    return Labels(label, None if there.all() else there.astype(np.float32), names)


def check_labels(
    label: np.ndarray, mask: Any, *, ids: Any, classes: Sequence[str], name: str
) -> None:
    """Refuses labels that no term could use.

    Args:
        label: as in `Labels`.
        mask: 0 where there is no label, or None.
        ids: of the examples, for messages.
        classes: the names, in order.
        name: what messages call the split.

    Raises:
        ValueError: too few classes, another shape, or a label out of range.

    Example:
        >>> check_labels(np.array([0, 7]), None, ids=[0, 1], classes='ab', name='train')
        Traceback (most recent call last):
        ValueError: train, example 1: label 7 is not one of the 2 classes 0 to 1
    """
    counts = np.ones(len(label), bool) if mask is None else np.asarray(mask) != 0
    floating = np.issubdtype(label.dtype, np.floating)
    if not floating and (label.ndim != 1 or not np.issubdtype(label.dtype, np.integer)):
        raise ValueError(
            f"{name}: labels must be integers [size], or floats [size] or [size, "
            f"classes], got {label.dtype}{label.shape}"
        )
    if floating and label.ndim == 1 and len(classes):
        raise ValueError(
            f"{name}: labels must be integers where classes are named, got numbers: "
            "leave classes= out"
        )
    if counts.any() and not (floating and label.ndim == 1) and len(classes) < 2:
        raise ValueError(
            f"{name}: labels need 2 classes or more by name, such as classes=('cat', "
            f"'dog'), got {list(classes)}"
        )
    if not floating:
        last = len(classes) - 1
        wrong = counts & ((label < 0) | (label > last))
        said = f"is not one of the {last + 1} classes 0 to {last}"
    elif label.ndim == 1:
        wrong, said = counts & ~np.isfinite(label), "is not finite"
    else:
        _check_width(label, classes, name)
        good = (label >= 0) & (label <= 1)
        wrong, said = counts & ~good.all(axis=1), "is not from 0 to 1 for each class"
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(f"{name}, example {ids[i]}: label {label[i]} {said}")


def _check_width(label: np.ndarray, classes: Sequence[str], name: str) -> None:
    if label.ndim != 2 or label.shape[1] != len(classes):
        raise ValueError(
            f"{name}: labels {list(label.shape)} must have a column for each of the "
            f"{len(classes)} classes"
        )


def _absent(value: Any) -> bool:
    if value is None or isinstance(value, str):
        return not (value and value.strip())
    if isinstance(value, int | np.integer):
        return bool(value < 0)
    return isinstance(value, float | np.floating) and math.isnan(value)


def _encoded(found: list[Any], names: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels that are there, and the classes' names."""
    if all(isinstance(x, str) for x in found):
        found = _read(found, names)
    if all(isinstance(x, str) for x in found):
        names = names or tuple(sorted({*found}))
        return _places(found, names), names
    if all(isinstance(x, int | np.integer) for x in found):
        if names is not None:  # places in the list of names
            return np.array(found, np.int32), names
        values = sorted({int(x) for x in found})
        return np.searchsorted(values, found).astype(np.int32), tuple(map(str, values))
    if all(isinstance(x, int | float | np.number) for x in found):
        return np.array(found, np.float32), ()
    if all(isinstance(x, list | tuple | np.ndarray) for x in found):
        return _several(found, names)
    seen = sorted({type(x).__name__ for x in found})
    raise ValueError(f"labels are of several kinds: {', '.join(seen)}")


def _read(found: list[str], names: Any) -> list[Any]:
    """Texts of a file as the numbers that all of them are, unless they are names."""
    if names is None:
        return _numbers(found, int) or _numbers(found, float) or found
    return found if {*found} & {*names} else _numbers(found, int) or found


def _numbers(found: list[str], kind: Callable[[str], Any]) -> list[Any] | None:
    try:
        return [kind(x) for x in found]
    except ValueError:
        return None


def _places(found: Sequence[str], names: tuple[str, ...]) -> np.ndarray:
    place = {name: i for i, name in enumerate(names)}
    for name in found:
        if name not in place:
            raise ValueError(f"label {name!r} is none of the classes {list(names)}")
    return np.array([place[name] for name in found], np.int32)


def _several(found: list[Any], names: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows of shares, or lists of names, as float32 `[size, classes]`."""
    lists = [row for row in found if not isinstance(row, np.ndarray)]
    if any(isinstance(x, str) for row in lists for x in row):
        names = names or tuple(sorted({x for row in found for x in row}))
        label = np.zeros((len(found), len(names)), np.float32)
        for i, row in enumerate(found):
            label[i, _places(row, names)] = 1
        return label, names
    widths = sorted({len(row) for row in found})
    if len(widths) > 1:
        raise ValueError(f"labels have rows of several lengths: {widths[:4]}")
    return np.array(found, np.float32), names or tuple(map(str, range(widths[0])))
