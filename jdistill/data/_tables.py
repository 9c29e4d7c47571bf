"""Tables of one's own: files of comma-separated values, and of JSON lines."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from csv import QUOTE_MINIMAL, QUOTE_NONE, Error, reader
from typing import Any

import numpy as np

from jdistill.data._examples import Examples, check_files, data_set
from jdistill.data._splits import Parts
from jdistill.data._text import Tokens
from jdistill.files import check_file
from jdistill.typing import DataSet
from jdistill.words import check_text, check_texts

Columns = str | Sequence[str]
Path = str | os.PathLike[str]


def csv(
    train: Path,
    *,
    test: Path | None = None,
    valid: Path | None = None,
    inputs: Columns = "text",
    label: Columns | None = "label",
    weight: str | None = None,
    classes: Sequence[str] | None = None,
    fold: int = 0,
    num_folds: int = 5,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
    delimiter: str = ",",
    columns: Sequence[str] | None = None,
    separator: str | None = None,
) -> DataSet:
    r"""Texts or numbers of files of comma-separated values, whose first line is names.

    Args:
        train: the file; without `test` all parts are taken from it.
        test: the file of the test part.
        valid: the file of the valid part; without it a tenth of `train`.
        inputs: the column of the texts, or several columns of numbers.
        label: the column of the labels, several columns of shares, named as the
            classes are, or None where there are no labels. Names, whole numbers and
            other numbers are told apart by what stands there; an empty one is none.
        weight: the column that says how much an example counts in training.
        classes: the labels' names in order; by default those that occur, sorted.
        fold: which fold is the test part.
        num_folds: number of folds; an example's fold is a hash of its inputs.
        prepare: makes tokens of texts, fitted on the training part; `hashed_ngrams()`
            by default.
        delimiter: what stands between columns; between tabs a quotation mark is a
            letter as any other.
        columns: their names, for files without a line of names.
        separator: what stands between several labels of an example, such as ';'.

    Returns:
        A data set of tokens, or of `inputs` float32 `[batch, columns]`.

    Raises:
        ValueError: no such column, a line of another length, or what is no number.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'mail.csv'
        >>> lines = [f'mail {i},{("spam", "ham")[i % 2]}' for i in range(40)]
        >>> _ = path.write_text('\n'.join(['text,label', *lines]))
        >>> csv(path).train.classes
        ('ham', 'spam')
    """
    _check(Parts(train, valid, test), inputs, label, weight)
    if columns is not None:
        check_texts(columns=columns)
    if separator is not None:
        check_text(separator=separator)

    def read(path: Path) -> Examples:
        table = _read_csv(path, delimiter, columns)
        if isinstance(label, str) and separator is not None:
            split = [x and x.split(separator) for x in _column(table, label, path)]
            table[label] = [x and [part.strip() for part in x] for x in split]
        return _examples(table, inputs, label, weight, path)

    shares = label is not None and not isinstance(label, str)
    return data_set(
        read,
        Parts(train, valid, test),
        name="csv",
        classes=tuple(label or ()) if shares and classes is None else classes,
        fold=fold,
        num_folds=num_folds,
        prepare=prepare,
    )


def jsonl(
    train: Path,
    *,
    test: Path | None = None,
    valid: Path | None = None,
    inputs: str = "text",
    label: str | None = "label",
    weight: str | None = None,
    classes: Sequence[str] | None = None,
    fold: int = 0,
    num_folds: int = 5,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
) -> DataSet:
    r"""Texts or lists of numbers of files with one JSON object a line.

    Args:
        train: the file; without `test` all parts are taken from it.
        test: the file of the test part.
        valid: the file of the valid part; without it a tenth of `train`.
        inputs: the key of the texts, or of lists of numbers, nested or not.
        label: the key of the labels, or None where there are none: a name, a number, a
            list of names for several, a list of shares; null and no key for none.
        weight: the key of how much an example counts in training.
        classes: the labels' names in order; by default those that occur, sorted.
        fold: which fold is the test part.
        num_folds: number of folds; an example's fold is a hash of its inputs.
        prepare: makes tokens of texts, fitted on the training part; `hashed_ngrams()`
            by default.

    Returns:
        A data set of tokens, or of `inputs` float32 `[batch, ...]`.

    Raises:
        ValueError: a line that is no JSON object or lacks its inputs.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'mail.jsonl'
        >>> lines = [{'text': f'mail {i}', 'label': ['new', 'ad'][: i % 3]}
        ...     for i in range(40)]
        >>> _ = path.write_text('\n'.join(map(json.dumps, lines)))
        >>> jsonl(path).train.take([0])['label'].shape, jsonl(path).train.classes
        ((1, 2), ('ad', 'new'))
    """
    check_text(inputs=inputs)
    if label is not None:
        check_text(label=label)
    _check(Parts(train, valid, test), inputs, label, weight)

    def read(path: Path) -> Examples:
        rows = [*_read_jsonl(path)]
        keys = {key for row in rows for key in row}
        table = {key: [row.get(key) for row in rows] for key in keys}
        return _examples(table, inputs, label, weight, path)

    return data_set(
        read,
        Parts(train, valid, test),
        name="jsonl",
        classes=classes,
        fold=fold,
        num_folds=num_folds,
        prepare=prepare,
    )


def _check(files: Parts, inputs: Any, label: Any, weight: Any) -> None:
    check_files(files)
    for name, columns in (("inputs", inputs), ("label", label), ("weight", weight)):
        if isinstance(columns, str) or (columns is None and name != "inputs"):
            continue
        if name == "weight":
            check_text(weight=weight)
        check_texts(**{name: columns})
        if columns is not None and not len(columns):
            raise ValueError(f"{name} must be one column or several, got none")


def _read_csv(
    path: Path, delimiter: str, columns: Sequence[str] | None
) -> dict[str, list[Any]]:
    quoting = QUOTE_NONE if delimiter == "\t" else QUOTE_MINIMAL
    check_file(path)
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = reader(file, delimiter=delimiter, strict=True, quoting=quoting)
        try:
            names = next(lines, []) if columns is None else list(columns)
            rows = []
            for row in lines:
                if row and len(row) != len(names):
                    raise ValueError(
                        f"{path}, line {lines.line_num}: {len(row)} values for the "
                        f"{len(names)} columns {names}"
                    )
                rows += [row] if row else []
        except (Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path}, line {lines.line_num}: {error}") from error
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {n: list(column) for n, column in zip(names, values, strict=True)}


def _read_jsonl(path: Path) -> Iterator[Mapping[str, Any]]:
    check_file(path)
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}, line {number} is no JSON object")
            yield row


def _column(table: Mapping[str, list[Any]], name: str, path: Path) -> list[Any]:
    if name not in table:
        raise ValueError(
            f"{path} has no column {name!r}; it has {', '.join(sorted(table))}"
        )
    return table[name]


def _examples(
    table: Mapping[str, list[Any]], inputs: Columns, label: Any, weight: Any, path: Path
) -> Examples:
    if not any(table.values()):
        raise ValueError(f"{path} has no examples")
    if isinstance(inputs, str):
        found: Any = _texts_or_numbers(_column(table, inputs, path), inputs, path)
    else:
        found = _numbers(table, inputs, path)
    if label is None or isinstance(label, str):
        labels: Any = None if label is None else _column(table, label, path)
    else:
        labels = _numbers(table, label, path)
    weights = None if weight is None else _numbers(table, [weight], path)[:, 0].tolist()
    return Examples(found, labels, weights)


def _texts_or_numbers(values: list[Any], name: str, path: Path) -> Any:
    if all(isinstance(x, str) for x in values):
        return values
    if not all(isinstance(x, list) for x in values):
        i = next(i for i, x in enumerate(values) if not isinstance(x, str | list))
        raise ValueError(
            f"{path}, example {i}: {name!r} is {values[i]!r}; it must be a text or a "
            "list of numbers"
        )
    try:
        return np.array(values, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: the lists {name!r} must be numbers of one shape"
        ) from error


def _numbers(
    table: Mapping[str, list[Any]], names: Sequence[str], path: Path
) -> np.ndarray:
    def number(name: str, i: int, value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{path}, example {i}: {name!r} is {value!r}, which is no number"
            ) from None

    columns = [
        [number(name, i, x) for i, x in enumerate(_column(table, name, path))]
        for name in names
    ]
    return np.array(columns, np.float32).T
