"""A teacher's outputs, computed once and joined to the examples by `id`."""

import hashlib
import io
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from jdistill.files import replacing
from jdistill.tree import flatten
from jdistill.typing import Batch, Split

_CHUNK = 1024


class TeacherCache(NamedTuple):
    """A teacher's logits for one split, and what they were computed from.

    `logits[i]` belongs to the example with `id` i. `split` and `teacher` are
    fingerprints. `augmentation` says how the inputs were altered, '' for not at all:
    logits are right only for inputs that are altered alike.
    """

    logits: np.ndarray
    split: str
    teacher: str
    augmentation: str = ""


def teacher_cache(
    split: Split, logits: Any, *, teacher: Any, augmentation: str = ""
) -> TeacherCache:
    """A cache of logits that were computed for a split.

    Args:
        split: the split the teacher has seen.
        logits: `[size, classes]`, row i for the example with `id` i.
        teacher: the teacher's variables.
        augmentation: how the inputs were altered, '' for not at all.

    Returns:
        The cache.

    Raises:
        ValueError: the logits are not `[size, classes]`, or not finite.

    References:
        Hinton et al., Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531).

    Example:
        >>> from jdistill import data
        >>> split = data.digits().valid
        >>> logits = np.zeros((split.size, 10))
        >>> data.teacher_cache(split, logits, teacher={}).logits.dtype
        dtype('float32')
    """
    logits = np.asarray(logits, np.float32)
    _refuse_shape(logits, split)
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"teacher cache, example {np.argmin(finite)}: the logits are not finite"
        )
    return TeacherCache(
        logits, split_fingerprint(split), fingerprint(teacher), augmentation
    )


def cached(
    split: Split, cache: TeacherCache, *, teacher: Any, augmentation: str = ""
) -> Split:
    """The split with `teacher_logits` from a cache in every batch.

    Args:
        split: the split to train on.
        cache: what `teacher_cache` or `load_teacher_cache` gave.
        teacher: the teacher's variables.
        augmentation: how the training alters the inputs, '' for not at all.

    Returns:
        A split whose batches have `teacher_logits` float32 `[batch, classes]`.

    Raises:
        ValueError: the cache is of another split, teacher or augmentation.

    Example:
        >>> from jdistill import data
        >>> split = data.digits().valid
        >>> cache = data.teacher_cache(split, np.zeros((split.size, 10)), teacher={})
        >>> data.cached(split, cache, teacher={}).take([0, 1])['teacher_logits'].shape
        (2, 10)
    """
    _refuse_shape(cache.logits, split)
    made = {
        "split": (cache.split, split_fingerprint(split)),
        "teacher": (cache.teacher, fingerprint(teacher)),
        "augmentation": (cache.augmentation, augmentation),
    }
    for what, (there, here) in made.items():
        if there != here:
            raise ValueError(
                f"the teacher cache was made with another {what} ({there!r}, here "
                f"{here!r}): compute it again"
            )

    def take(indices: Any) -> Batch:
        batch = split.take(indices)
        return {**batch, "teacher_logits": cache.logits[batch["id"]]}

    arrays = split.arrays
    if arrays is not None:
        arrays = {**arrays, "teacher_logits": cache.logits[arrays["id"]]}
    return split._replace(take=take, arrays=arrays)


def save_teacher_cache(path: str | os.PathLike, cache: TeacherCache) -> None:
    """Writes a cache; the file is whole or not there.

    Args:
        path: a file, `.npz`.
        cache: what to write.

    Returns:
        None.

    Example:
        >>> import tempfile
        >>> cache = TeacherCache(np.zeros((1, 2), np.float32), 'a', 'b')
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_teacher_cache(folder + '/cache.npz', cache)
        ...     load_teacher_cache(folder + '/cache.npz').split
        'a'
    """
    with replacing(path) as file:
        np.savez(file, **cache._asdict(), checksum=_checksum(cache))


def load_teacher_cache(path: str | os.PathLike) -> TeacherCache:
    """Reads a cache that `save_teacher_cache` wrote.

    Args:
        path: the file.

    Returns:
        The cache.

    Raises:
        ValueError: the file is not a whole, unaltered cache.

    Example:
        >>> load_teacher_cache('/nowhere.npz')
        Traceback (most recent call last):
        ValueError: no teacher cache at /nowhere.npz
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"no teacher cache at {path}")
    whole = io.BytesIO(pathlib.Path(path).read_bytes())
    try:
        with np.load(whole, allow_pickle=False) as file:
            texts = [str(file[name]) for name in TeacherCache._fields[1:]]
            cache = TeacherCache(file["logits"], *texts)
            intact = str(file["checksum"]) == _checksum(cache)
    except Exception as error:
        raise ValueError(f"{path} is not a whole teacher cache: {error}") from error
    if not intact:
        raise ValueError(f"{path} was altered since it was written: checksums differ")
    return cache


def split_fingerprint(split: Split) -> str:
    """A hash of all that a split's batches hold, and of the classes' names.

    Example:
        >>> from jdistill import data
        >>> len(split_fingerprint(data.digits().valid))
        32
    """
    starts = range(0, split.size, _CHUNK)
    chunks = (range(s, min(s + _CHUNK, split.size)) for s in starts)
    digest = hashlib.blake2b(repr(split.classes).encode(), digest_size=16)
    for chunk in chunks:
        batch = split.take(np.asarray(chunk))
        _update(digest, {k: batch[k] for k in sorted(batch) if k != "teacher_logits"})
    return digest.hexdigest()


def fingerprint(tree: Any) -> str:
    """A hash of a tree's paths, shapes, types and values.

    Args:
        tree: any pytree of arrays, such as a teacher's variables.

    Returns:
        32 hexadecimal digits, the same in every process.

    Example:
        >>> fingerprint({'a': np.zeros(2)}) == fingerprint({'a': np.ones(2)})
        False
    """
    digest = hashlib.blake2b(digest_size=16)
    _update(digest, flatten(tree))
    return digest.hexdigest()


def _update(digest, arrays):
    for path, leaf in arrays.items():
        array = np.ascontiguousarray(leaf)
        digest.update(f"{path}:{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())


def _checksum(cache):
    return fingerprint({"logits": cache.logits}) + repr(cache[1:])


def _refuse_shape(logits, split):
    wanted = (split.size, len(split.classes))
    if logits.shape != wanted:
        raise ValueError(
            f"teacher logits of this split are [size, classes] = {list(wanted)}, "
            f"got {list(logits.shape)}"
        )
