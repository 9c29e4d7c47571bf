"""The outputs of a network for a split, computed once and joined by `id`."""

import hashlib
import io
import os
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill import kinds
from jdistill.files import replacing
from jdistill.tree import flatten
from jdistill.typing import Batch, Outputs, SparseTarget, Split
from jdistill.words import check_path

_CHUNK = 1024
_FEATURE, _SPARSE = "features/", "sparse/"


class Cache(NamedTuple):
    """A network's outputs for one split, and what they were computed from.

    Row i of every array belongs to the example with `id` i. `network` is the name under
    which terms read it; `split` and `variables` are fingerprints. `augmentation` says
    how the inputs were altered, '' for not at all: outputs are right only for inputs
    that are altered alike.
    """

    outputs: Outputs
    network: str
    split: str
    variables: str
    augmentation: str = ""


def cache(
    split: Split,
    outputs: Outputs | Any,
    *,
    variables: Any,
    network: str = "teacher",
    augmentation: str = "",
) -> Cache:
    """A cache of outputs that were computed for a split, as `outputs_of` does.

    Args:
        split: the split that the network has seen.
        outputs: logits, hidden states and features, whichever are needed, each
            `[size, ...]`, row i for the example with `id` i; an array alone is logits.
        variables: those of the network.
        network: its name in the terms.
        augmentation: how the inputs were altered, '' for not at all.

    Returns:
        The cache.

    Raises:
        ValueError: an array has another size than the split, logits are not of its
            classes, or logits are NaN or infinite (-inf leaves a class out).

    References:
        Hinton et al., Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531).

    Example:
        >>> from jdistill import data
        >>> split = data.digits().valid
        >>> logits = np.zeros((split.size, 10), np.float32)
        >>> data.cache(split, logits, variables={}).outputs.logits.dtype
        dtype('float32')
    """
    kinds.split(split=split)
    if not isinstance(outputs, Outputs):
        outputs = Outputs(outputs)
    outputs = jax.tree.map(_array, outputs)
    if network == "student":
        raise ValueError("the student learns, so its outputs cannot be cached")
    _refuse_shape(outputs, split)
    if outputs.logits is not None:
        _refuse_values(outputs.logits)
    return Cache(
        outputs,
        network,
        split_fingerprint(split),
        fingerprint(variables),
        augmentation,
    )


def cached(
    split: Split, cache: Cache, *, variables: Any, augmentation: str = ""
) -> Split:
    """The split with a network's outputs from a cache in every batch.

    Args:
        split: the split to train on.
        cache: what `cache` or `load_cache` gave.
        variables: those of the network.
        augmentation: how the training alters the inputs, '' for not at all.

    Returns:
        A split whose batches have them in `outputs`, under the network's name, beside
        those of other networks.

    Raises:
        ValueError: the cache is of another split, other variables or another
            augmentation.

    Example:
        >>> from jdistill import data
        >>> split = data.digits().valid
        >>> made = data.cache(split, np.zeros((split.size, 10)), variables={})
        >>> batch = data.cached(split, made, variables={}).take([0, 1])
        >>> batch['outputs']['teacher'].logits.shape
        (2, 10)
    """
    _refuse_shape(cache.outputs, split)
    made = {
        "split": (cache.split, split_fingerprint(split)),
        "network": (cache.variables, fingerprint(variables)),
        "augmentation": (cache.augmentation, augmentation),
    }
    for what, (there, here) in made.items():
        if there != here:
            raise ValueError(
                f"the cache of the {cache.network} was made with another {what} "
                f"({there!r}, here {here!r}): compute it again"
            )

    def joined(batch: Batch) -> Batch:
        rows = jax.tree.map(lambda x: x[batch["id"]], cache.outputs)
        known = batch.get("outputs", {})
        return {**batch, "outputs": {**known, cache.network: rows}}

    arrays = split.arrays
    return split._replace(
        take=lambda indices: joined(split.take(indices)),
        arrays=None if arrays is None else joined(arrays),
    )


def save_cache(path: str | os.PathLike, cache: Cache) -> None:
    """Writes a cache; the file is whole or not there.

    Args:
        path: a file, `.npz`.
        cache: what to write.

    Returns:
        None.

    Example:
        >>> import tempfile
        >>> made = Cache(Outputs(np.zeros((1, 2), np.float32)), 'teacher', 'a', 'b')
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_cache(folder + '/cache.npz', made)
        ...     load_cache(folder + '/cache.npz').split
        'a'
    """
    check_path(path=path)
    kinds.instance(Cache, "what data.cache gave", {"cache": cache})
    arrays = {f"output:{name}": x for name, x in _by_name(cache.outputs).items()}
    texts = {
        name: value for name, value in cache._asdict().items() if name != "outputs"
    }
    with replacing(path) as file:
        np.savez(file, **arrays, **texts, checksum=_checksum(cache))


def load_cache(path: str | os.PathLike) -> Cache:
    """Reads a cache that `save_cache` wrote.

    Args:
        path: the file.

    Returns:
        The cache.

    Raises:
        ValueError: the file is not a whole, unaltered cache.

    Example:
        >>> load_cache('/nowhere.npz')
        Traceback (most recent call last):
        ValueError: no cache at /nowhere.npz
    """
    check_path(path=path)
    if not pathlib.Path(path).is_file():
        raise ValueError(f"no cache at {path}")
    whole = io.BytesIO(pathlib.Path(path).read_bytes())
    try:
        with np.load(whole, allow_pickle=False) as file:
            texts = [str(file[name]) for name in Cache._fields[1:]]
            names = [name for name in file if name.startswith("output:")]
            found = {name.removeprefix("output:"): file[name] for name in names}
            made = Cache(_from_names(found), *texts)
            intact = str(file["checksum"]) == _checksum(made)
    except Exception as error:
        raise ValueError(f"{path} is not a whole cache: {error}") from error
    if not intact:
        raise ValueError(f"{path} was altered since it was written: checksums differ")
    return made


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
        _update(digest, {k: batch[k] for k in sorted(batch) if k != "outputs"})
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
    return fingerprint(_by_name(cache.outputs)) + repr(cache[1:])


def _by_name(outputs: Outputs) -> dict[str, Any]:
    features = {_FEATURE + name: x for name, x in outputs.features.items()}
    own = {"logits": outputs.logits, "hidden": outputs.hidden}
    if outputs.sparse is not None:
        own |= {_SPARSE + name: x for name, x in outputs.sparse._asdict().items()}
    return {name: x for name, x in (own | features).items() if x is not None}


def _from_names(arrays: dict[str, Any]) -> Outputs:
    features = _under(_FEATURE, arrays)
    parts = _under(_SPARSE, arrays)
    sparse = SparseTarget(**parts) if parts else None
    return Outputs(arrays.get("logits"), features, arrays.get("hidden"), sparse)


def _under(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _array(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(np.float32) if x.dtype == np.float64 else x


def _refuse_shape(outputs: Outputs, split: Split) -> None:
    for name, array in _by_name(outputs).items():
        if array.ndim == 0 or len(array) != split.size:
            raise ValueError(
                f"{name} of this split are [size, ...] with size {split.size}, got "
                f"{list(array.shape)}"
            )
    logits, classes = outputs.logits, len(split.classes)
    if logits is not None and logits.ndim == 2 and logits.shape[1] != classes:
        raise ValueError(
            f"logits of this split are [size, classes] = {[split.size, classes]}, got "
            f"{list(logits.shape)}"
        )


def _refuse_values(logits: np.ndarray) -> None:
    good = (logits < np.inf).reshape(len(logits), -1).all(axis=1)
    if not good.all():
        first = np.argmin(good)
        raise ValueError(f"cache, example {first}: the logits are NaN or infinite")
