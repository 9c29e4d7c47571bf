"""Arrays of one's own in the format of MNIST's files."""

import gzip
import math
import os
import pathlib
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jdistill.data._examples import Examples, data_set
from jdistill.data._splits import Parts
from jdistill.files import check_file, most_bytes
from jdistill.typing import DataSet
from jdistill.words import check_path

Path = str | os.PathLike[str]
TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""What the third byte of a file says of its numbers, which are big-endian."""
MNIST = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def idx(
    train: Path,
    *,
    label: Path | None = None,
    test: Path | None = None,
    test_label: Path | None = None,
    classes: Sequence[str] | None = None,
    fold: int = 0,
    num_folds: int = 5,
) -> DataSet:
    """Arrays of files in the format of MNIST, also with .gz.

    Args:
        train: a folder with files named as those of MNIST are, or the file of the
            training inputs; without a test part all parts are taken from it.
        label: the file of the training labels; without it there are none.
        test: the file of the test inputs.
        test_label: the file of the test labels.
        classes: the labels' names in order; by default the numbers that occur.
        fold: which fold is the test part.
        num_folds: number of folds; an example's fold is a hash of its inputs.

    Returns:
        A data set, a tenth of `train` its valid part. Bytes become float32 in [0, 1],
        and images `[size, height, width]` have one channel behind.

    Raises:
        ValueError: a file that is of another format, truncated, or of another size
            than its labels.

    References:
        LeCun, Cortes, Burges, The MNIST database of handwritten digits, 1998.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> head = bytes([0, 0, 8, 3, 0, 0, 0, 90, 0, 0, 0, 2, 0, 0, 0, 1])
        >>> _ = (folder / 'images').write_bytes(head + bytes(range(180)))
        >>> head = bytes([0, 0, 8, 1, 0, 0, 0, 90])
        >>> _ = (folder / 'labels').write_bytes(head + bytes([0, 1, 2] * 30))
        >>> made = idx(folder / 'images', label=folder / 'labels')
        >>> made.train.take([0])['inputs'].shape, made.train.classes
        ((1, 2, 1, 1), ('0', '1', '2'))
    """
    check_path(train=train)
    more = {"label": label, "test": test, "test_label": test_label}
    check_path(**{name: path for name, path in more.items() if path is not None})
    if pathlib.Path(train).is_dir():
        if label is not None or test is not None or test_label is not None:
            raise ValueError(f"{train} is a folder: it gives all files")
        (train, label), (test, test_label) = _in_folder(pathlib.Path(train))
    if test is None and test_label is not None:
        raise ValueError("test_label= needs test=")
    files = (train, label), None, None if test is None else (test, test_label)
    return data_set(
        lambda pair: _examples(*pair),
        Parts(*files),
        name="idx",
        classes=classes,
        fold=fold,
        num_folds=num_folds,
    )


def _in_folder(folder: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    def found(name: str) -> pathlib.Path:
        # some have a dot for the last dash
        names = [n + end for n in (name, ".".join(name.rsplit("-", 1)))
                 for end in ("", ".gz")]  # fmt: skip
        for path in (folder / n for n in names):
            if path.is_file():
                return path
        raise ValueError(f"{folder} has no {name}, with or without .gz")

    return [(found(images), found(labels)) for images, labels in MNIST]


def _examples(images: Path, labels: Path | None) -> Examples:
    inputs = _read(images)
    if inputs.ndim == 3:
        inputs = inputs[..., None]
    if labels is None:
        return Examples(inputs)
    label = _read(labels)
    if label.ndim != 1 or len(label) != len(inputs):
        raise ValueError(
            f"{labels} has numbers of shape {list(label.shape)} for the {len(inputs)} "
            f"examples of {images}"
        )
    return Examples(inputs, label.tolist())


def _read(path: Path) -> np.ndarray:
    check_file(path)
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if zipped else open(path, "rb") as file:
            return _array(file, path, most_bytes(path) if zipped else None)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error


def _array(file: Any, path: Path, most: int | None) -> np.ndarray:
    head = file.read(4)
    if head[:2] != b"\0\0" or len(head) < 4 or head[2] not in TYPES or not head[3]:
        raise ValueError(f"{path} is no idx file: it begins with {head.hex()!r}")
    kind, sizes = np.dtype(TYPES[head[2]]), file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise ValueError(f"{path} is truncated: it has {4 + len(sizes)} bytes")
    shape = struct.unpack(f">{head[3]}I", sizes)
    start = 4 + len(sizes)
    wanted = start + math.prod(shape) * kind.itemsize
    said = f"{path} says that its shape is {list(shape)}, which takes {wanted} bytes"
    if most is not None and wanted > most:
        raise ValueError(f"{said}, more than {most}: gunzip it if you trust it")
    raw = file.read() if most is None else file.read(wanted - start + 1)
    if len(raw) != wanted - start:
        raise ValueError(f"{said}; it has {start + len(raw)}")
    array = np.frombuffer(raw, kind).reshape(shape)
    return array.astype(kind.newbyteorder("="))
