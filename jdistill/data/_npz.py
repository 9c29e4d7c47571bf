"""Arrays of one's own in NumPy's files."""

import os
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jdistill.data._examples import Examples, check_files, data_set
from jdistill.data._splits import Parts
from jdistill.files import check_file, most_bytes
from jdistill.typing import DataSet
from jdistill.words import check_text

Path = str | os.PathLike[str]
DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, OSError, KeyError,
           NotImplementedError, RuntimeError, OverflowError, MemoryError)  # fmt: skip
"""What NumPy and the reader of archives make of a file that is none or is damaged."""


def npz(
    train: Path,
    *,
    test: Path | None = None,
    valid: Path | None = None,
    inputs: str = "inputs",
    label: str | None = "label",
    weight: str | None = None,
    classes: Sequence[str] | None = None,
    fold: int = 0,
    num_folds: int = 5,
) -> DataSet:
    """Arrays of files that `numpy.savez` wrote; nothing in them is unpickled.

    Args:
        train: the file; without `test` all parts are taken from it.
        test: the file of the test part.
        valid: the file of the valid part; without it a tenth of `train`.
        inputs: the name of the array of the inputs, `[size, ...]`.
        label: the name of the array of the labels, or None where there are none:
            integers, of which negative ones are none; names; floats `[size, classes]`
            for several or shares of them; or floats `[size]`.
        weight: the name of the array of how much an example counts in training.
        classes: the labels' names in order; by default those that occur, sorted.
        fold: which fold is the test part.
        num_folds: number of folds; an example's fold is a hash of its inputs.

    Returns:
        A data set of the inputs as they are; 8 and 16 bit ones as float32 in [0, 1].

    Raises:
        ValueError: no such array, arrays that differ in size, or of objects.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'clouds.npz'
        >>> points = np.random.default_rng(0).normal(size=(90, 2))
        >>> np.savez(path, inputs=points, label=np.arange(90) % 3)
        >>> npz(path, classes=('a', 'b', 'c')).info['classes']
        ('a', 'b', 'c')
    """
    check_files(Parts(train, valid, test))
    for name, array in (("inputs", inputs), ("label", label), ("weight", weight)):
        if array is not None or name == "inputs":
            check_text(**{name: array})

    def read(path: Path) -> Examples:
        names = [name for name in (inputs, label, weight) if name is not None]
        arrays = _read(path, names)
        found = [None if n is None else arrays[n] for n in (inputs, label, weight)]
        x, y, w = found
        return Examples(x, _rows(y), None if w is None else w.tolist())

    return data_set(
        read,
        Parts(train, valid, test),
        name="npz",
        classes=classes,
        fold=fold,
        num_folds=num_folds,
    )


def _read(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    check_file(path)
    with open(path, "rb") as file:  # one that is not there says so
        whole = zipfile.is_zipfile(file)
    if not whole:
        raise ValueError(f"{path} is none of the files that numpy.savez writes")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file.files]
            if missing:
                raise ValueError(
                    f"no array {missing[0]!r}; there are {', '.join(file.files)}"
                )
            _check_size(path, file.zip, names)
            found = {name: file[name] for name in names}
    except DAMAGED as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{path}: {said[0]}") from error
    sizes = {name: x.shape[0] if x.ndim else 0 for name, x in found.items()}
    if len({*sizes.values()}) > 1 or 0 in sizes.values():
        raise ValueError(f"{path}: the arrays differ in size, or are empty: {sizes}")
    return found


def _check_size(path: Path, archive: Any, names: Sequence[str]) -> None:
    """Refuses a small file of much memory, by the sizes that the archive keeps to."""
    sizes = {i.filename.removesuffix(".npy"): i.file_size for i in archive.infolist()}
    wanted, most = sum(sizes[name] for name in names), most_bytes(path)
    if wanted > most:
        raise ValueError(
            f"its arrays take {wanted} bytes, more than {most}: write it anew with "
            "numpy.savez, without compression, if you trust it"
        )


def _rows(label: Any) -> Any:
    """Plain values, and of shares an array for each example."""
    if label is None:
        return None
    if label.ndim > 1:  # several classes may be written as integers or truth values
        return [*label.astype(np.float32)]
    return label.tolist()
