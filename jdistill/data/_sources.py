"""Splits from random-access sources of examples, such as array_record files."""

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jdistill.data._splits import check, in_memory
from jdistill.files import replacing
from jdistill.typing import Batch, Split

_CHUNK = 1000
PIXELS = (np.uint8, np.uint16)


class Columns(NamedTuple):
    """The two columns of a source that make an example, and the labels' names."""

    inputs: str
    label: str
    classes: tuple[str, ...]


def scale(inputs: Any) -> np.ndarray:
    """Pixels of 8 or 16 bits as float32 in [0, 1]; other numbers as they are.

    What `tfds`, `npz`, `idx` and `folder` make of images.

    Args:
        inputs: numbers in any shape.

    Returns:
        An array of the same shape.

    Example:
        >>> scale(np.array([0, 255], np.uint8))
        array([0., 1.], dtype=float32)
    """
    inputs = np.asarray(inputs)
    if inputs.dtype in PIXELS:
        return inputs.astype(np.float32) / np.float32(np.iinfo(inputs.dtype).max)
    return inputs


def scaled(dtype: Any) -> dict[str, Any]:
    """What the `info` of a data set says of `scale`, which changes pixels alone.

    Example:
        >>> scaled(np.uint8), scaled(np.float32)
        ({'prepare': {'name': 'scale'}}, {})
    """
    return {"prepare": {"name": "scale"}} if dtype in PIXELS else {}


def read_rows(source: Any, rows: Any, columns: Columns, name: str) -> Batch:
    """Examples of a source as stored, with `inputs` and `label`.

    Args:
        source: dictionaries by index, with `__getitems__`.
        rows: which.
        columns: which entries.
        name: what messages call the split.

    Returns:
        `inputs` and `label`.

    Raises:
        ValueError: the inputs differ in shape.
    """
    examples = source.__getitems__([int(i) for i in rows])
    inputs = [example[columns.inputs] for example in examples]
    shapes = {np.shape(x) for x in inputs}
    if len(shapes) > 1:
        raise ValueError(
            f"{name}: the inputs {columns.inputs!r} differ in shape "
            f"({sorted(shapes)[:3]}); only inputs of one shape can be batched"
        )
    label = np.array([example[columns.label] for example in examples])
    return {"inputs": np.stack(inputs), "label": label}


def load(source: Any, columns: Columns, *, folder: pathlib.Path, name: str) -> Batch:
    """A whole source in memory, kept as .npy files for the next start.

    Args:
        source: dictionaries by index.
        columns: which entries.
        folder: where the .npy files are kept.
        name: the split's name, in messages and file names.

    Returns:
        `inputs` as stored, not scaled, and `label`.
    """
    paths = {key: folder / f"{name}-{key}.npy" for key in ("inputs", "label")}
    if all(path.is_file() for path in paths.values()):
        return {key: np.load(path) for key, path in paths.items()}
    starts = range(0, len(source), _CHUNK)
    chunks = [range(s, min(s + _CHUNK, len(source))) for s in starts]
    parts = [read_rows(source, rows, columns, name) for rows in chunks]
    whole = {key: np.concatenate([p[key] for p in parts]) for key in paths}
    for key, path in paths.items():
        _save(path, whole[key])
    return whole


def loaded_split(whole: Batch, rows: Any, columns: Columns, *, name: str) -> Split:
    """Some rows of a source that is in memory, as a split.

    Args:
        whole: what `load` gave.
        rows: indices.
        columns: for the classes.
        name: what messages call the split.

    Returns:
        A split with `arrays`, inputs scaled.

    Raises:
        ValueError: an example is not usable; the message names its id.

    Example:
        >>> whole = {'inputs': np.full((3, 1), 255, np.uint8), 'label': np.arange(3)}
        >>> columns = Columns('image', 'label', ('a', 'b', 'c'))
        >>> loaded_split(whole, [2, 1], columns, name='train').arrays['inputs'][0]
        array([1.], dtype=float32)
    """
    batch = {"inputs": scale(whole["inputs"][rows]), "label": whole["label"][rows]}
    return in_memory(batch, classes=columns.classes, name=name)


def streamed_split(source: Any, rows: Any, columns: Columns, *, name: str) -> Split:
    """Some rows of a source that is read as it is used, as a split.

    Args:
        source: dictionaries by index.
        rows: indices.
        columns: which entries, and the classes.
        name: what messages call the split.

    Returns:
        A split without `arrays`. Its examples are checked as they are taken.
    """
    rows = np.asarray(rows)

    def take(indices: Any) -> Batch:
        ids = np.asarray(indices, np.int32)
        batch = read_rows(source, rows[ids], columns, name)
        batch = {**batch, "inputs": scale(batch["inputs"]), "id": ids}
        check(batch, classes=columns.classes, name=name)
        return {**batch, "label": batch["label"].astype(np.int32)}

    return Split(len(rows), take, None, columns.classes)


def blocks(size: int, *, fold: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of train and valid: valid is the block number `fold` from the end.

    Raises:
        ValueError: there is no such block.

    Example:
        >>> blocks(6, fold=1, block=2)
        (array([0, 1, 4, 5]), array([2, 3]))
    """
    stop = size - fold * block
    if fold < 0 or block < 1 or stop - block < 0 or size <= block:
        raise ValueError(
            f"fold {fold} of {block} examples is not in a train split of {size}"
        )
    valid = np.arange(stop - block, stop)
    return np.setdiff1d(np.arange(size), valid), valid


def _save(path, array):
    write: Callable[..., None] = np.save
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        write(file, array)
