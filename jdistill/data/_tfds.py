"""Data sets of the tensorflow-datasets catalogue, by name.

Preparing a data set unpacks its archives, for which the catalogue needs TensorFlow;
reading what is prepared (array_record files) does not.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import pathlib
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jdistill.data import _sources
from jdistill.data._splits import Parts, check_classes
from jdistill.data._text import Texts, Tokens, hashed_ngrams, tokenized
from jdistill.typing import DataSet


class Archive(NamedTuple):
    """A file that was placed in a folder by hand, for one registered address."""

    url: str
    path: pathlib.Path
    sha256: str
    registered: bool


def tfds(
    dataset: str,
    *,
    fold: int = 0,
    columns: tuple[str, str] | None = None,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
    valid_size: int | None = None,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    trust_local: bool = False,
    max_bytes: int = 2**30,
) -> DataSet:
    """Any data set of the tensorflow-datasets catalogue with labels that are classes.

    Test is the builder's test split, or its validation split where the test split has
    no labels or is missing. Valid is the builder's validation split where that is not
    the test, else a block of the train split.

    Args:
        dataset: the builder's name, 'mnist' or 'glue/sst2'.
        fold: which block of the train split is valid, counted from the end.
        columns: names of the input and the label; by default the supervised keys.
        prepare: makes tokens of texts, fitted on the train part; `hashed_ngrams()` by
            default. For texts only.
        valid_size: examples of valid carved from train; a tenth, at most 5,000.
        data_dir: where prepared data are kept; `$JDISTILL_CACHE` or
            `~/.cache/jdistill`, then `tfds`, by default.
        manual_dir: a folder with the archives, for a machine without network;
            `$JDISTILL_DATA/tfds_manual/<name, / as _>` by default.
        trust_local: use an archive of `manual_dir` that is not the registered one. Its
            data are kept apart, under the archive's own hash.
        max_bytes: a split whose inputs take more is not held in memory.

    Returns:
        Images as float32 in [0, 1], texts as tokens, other arrays as they are.

    Raises:
        ValueError: no such data set, no data and no network, an archive that is not
            the registered one, no TensorFlow to unpack it, or no classes.

    References:
        TensorFlow Datasets, https://www.tensorflow.org/datasets.

    Example:
        >>> tfds('mnist').train.size  # doctest: +SKIP
        55000
    """
    root = pathlib.Path(data_dir) if data_dir else _cache_folder()
    builder, archives = _prepared(dataset, root, manual_dir, trust_local)
    chosen = _columns(builder, columns)
    names = _split_names(builder, chosen)
    info = {
        "dataset": dataset,
        "fold": fold,
        "version": str(builder.version),
        "tensorflow_datasets": importlib.metadata.version("tensorflow-datasets"),
        "archives": {a.path.name: a.sha256 for a in archives},
        "registered": all(a.registered for a in archives),
        "classes": chosen.classes,
    }
    rows = _rows(builder, names, fold=fold, valid_size=valid_size)
    if _is_text(builder, chosen):
        return _texts(builder, chosen, names, rows, prepare or hashed_ngrams(), info)
    if prepare is not None:
        raise ValueError(f"prepare= is for texts, but {dataset!r} has none")
    return _arrays(builder, chosen, names, rows, max_bytes, info)


def _catalogue():
    # Importing takes about a second, which nobody should pay who does not use it.
    import tensorflow_datasets  # noqa: PLC0415

    return tensorflow_datasets


def _cache_folder():
    cache = os.environ.get("JDISTILL_CACHE") or "~/.cache/jdistill"
    return pathlib.Path(cache).expanduser() / "tfds"


def _manual_folder(dataset, manual_dir):
    """The folder with this data set's archives, None where there is none."""
    if manual_dir:
        if not pathlib.Path(manual_dir).is_dir():
            raise ValueError(f"manual_dir {str(manual_dir)!r} is not a folder")
        return pathlib.Path(manual_dir).expanduser().absolute()
    data = os.environ.get("JDISTILL_DATA")
    if not data:
        return None
    names = (dataset.replace("/", "_"), dataset.split("/")[0])
    folders = (pathlib.Path(data).absolute() / "tfds_manual" / n for n in names)
    return next((folder for folder in folders if folder.is_dir()), None)


def _builder(dataset, folder):
    try:
        return _catalogue().builder(
            dataset, data_dir=folder, file_format="array_record", try_gcs=False
        )
    except Exception as error:
        raise ValueError(
            f"tensorflow-datasets has no data set {dataset!r}: {_first_line(error)}"
        ) from error


def _prepared(dataset, root, manual_dir, trust_local):
    """A builder whose data are prepared, and the archives they were made from."""
    builder = _builder(dataset, root / "registered")
    folder = _manual_folder(dataset, manual_dir)
    archives = list(_archives(builder, folder)) if folder else []
    strange = [a for a in archives if not a.registered]
    if strange and not trust_local:
        raise ValueError(
            f"{strange[0].path} is not the archive that tensorflow-datasets registers "
            f"for {dataset!r} (its sha256 is {strange[0].sha256}): pass "
            "trust_local=True to use it all the same"
        )
    if strange:
        # Never where data of the registered archives are looked for.
        builder = _builder(dataset, root / f"local-{strange[0].sha256[:12]}")
    if not builder.is_prepared():
        _refuse_offline(builder, dataset, root, archives)
        _prepare(builder, dataset, folder, strange)
    return builder, archives


def _archives(builder, folder) -> Iterator[Archive]:
    urls = builder.url_infos or {}
    files = [path for path in folder.iterdir() if path.is_file()]
    for url, info in urls.items():
        name = info.filename or pathlib.PurePath(urllib.parse.urlparse(url).path).name
        path = folder / name
        if len(urls) == len(files) == 1:
            path = files[0]  # can only be meant for this address, whatever its name
        if path.is_file():
            digest = _sha256(path, path.stat().st_mtime_ns)
            registered = digest == info.checksum and path.name == info.filename
            yield Archive(url, path, digest, registered)


@functools.lru_cache(maxsize=64)
def _sha256(path, mtime):
    del mtime  # part of the key: a file that changed is read again
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_offline(builder, dataset, root, archives):
    """Says so at once where a download cannot work; its own retries take minutes."""
    urls = builder.url_infos or {}
    hosts = {urllib.parse.urlparse(url).hostname for url in urls} - {None}
    if archives or not hosts or urllib.request.getproxies() or any(map(_found, hosts)):
        return
    raise ValueError(
        f"the data set {dataset!r} is not prepared in {root} and {sorted(hosts)[0]} "
        "cannot be reached: run once with network, or put its archives "
        f"({', '.join(sorted({i.filename or u for u, i in urls.items()})[:4])}) into "
        "a folder and pass it as manual_dir="
    )


def _found(host):
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def _prepare(builder, dataset, folder, strange):
    config = _catalogue().download.DownloadConfig(
        manual_dir=folder, try_download_gcs=False
    )
    try:
        with _stated(builder, strange):
            builder.download_and_prepare(download_config=config)
    except Exception as error:
        if "No module named 'tensorflow'" in " ".join(map(str, _causes(error))):
            raise ValueError(
                f"preparing {dataset!r} (not reading it) needs TensorFlow: "
                "pip install 'jdistill[tfds]'"
            ) from error
        raise ValueError(
            f"preparing {dataset!r} failed: {_first_line(error)}; its archives can be "
            "placed in a folder that is passed as manual_dir="
        ) from error


@contextlib.contextmanager
def _stated(builder, strange):
    """States the true size and hash of local archives while a builder prepares."""
    kind = type(builder)
    urls = dict(builder.url_infos or {})
    for a in strange:
        urls[a.url] = _catalogue().core.download.checksums.UrlInfo(
            size=a.path.stat().st_size, checksum=a.sha256, filename=a.path.name
        )
    own = kind.__dict__.get("url_infos")
    kind.url_infos = urls
    try:
        yield
    finally:
        if own is None:
            del kind.url_infos
        else:
            kind.url_infos = own


def _causes(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _columns(builder, columns) -> _sources.Columns:
    """The input and the label, refused where the label is not a class."""
    features = builder.info.features
    keys = columns or builder.info.supervised_keys
    if keys is None or len(keys) != 2 or not all(k in features for k in keys):
        raise ValueError(
            f"{builder.info.full_name}: pass columns=(input, label), two of "
            f"{sorted(features)}; its supervised keys are {keys}"
        )
    names = getattr(features[keys[1]], "names", None)
    if not names:
        raise ValueError(
            f"{builder.info.full_name}: {keys[1]!r} is no class label; class labels "
            f"are {sorted(k for k, f in features.items() if hasattr(f, 'names'))}"
        )
    return _sources.Columns(keys[0], keys[1], tuple(names))


def _is_text(builder, columns):
    return isinstance(builder.info.features[columns.inputs], _catalogue().features.Text)


def _split_names(builder, columns) -> Parts:
    """The builder's split for each part; None where valid is carved from train."""
    there = builder.info.splits
    if "train" not in there:
        raise ValueError(f"{builder.info.full_name} has no split 'train': {[*there]}")

    def labelled(name):
        return name in there and _source(builder, name)[0][columns.label] >= 0

    found = [name for name in ("test", "validation") if labelled(name)]
    if not found:
        raise ValueError(
            f"{builder.info.full_name} has no labelled 'test' or 'validation' split, "
            f"only {[*there]}"
        )
    return Parts("train", found[1] if len(found) == 2 else None, found[0])


def _source(builder, name) -> Any:
    return builder.as_data_source(name)


def _rows(builder, names, *, fold, valid_size) -> Parts:
    sizes = {n: s.num_examples for n, s in builder.info.splits.items()}
    test = np.arange(sizes[names.test])
    if names.valid:
        return Parts(np.arange(sizes["train"]), np.arange(sizes[names.valid]), test)
    block = valid_size or min(5000, max(1, sizes["train"] // 10))
    return Parts(*_sources.blocks(sizes["train"], fold=fold, block=block), test)


def _loaded(builder, columns, name):
    folder = pathlib.Path(builder.data_dir) / f"{columns.inputs}-{columns.label}"
    source = _source(builder, name)
    return _sources.load(source, columns, folder=folder, name=name)


def _arrays(builder, columns, names, rows, max_bytes, info):
    feature = builder.info.features[columns.inputs]

    def split(part, name, rows):
        source = name or "train"
        size = builder.info.splits[source].num_examples
        # In memory the inputs are float32, whatever they are on disk.
        if None in feature.shape or 4 * size * np.prod(feature.shape) > max_bytes:
            return _sources.streamed_split(
                _source(builder, source), rows, columns, name=part
            )
        whole = _loaded(builder, columns, source)
        return _sources.loaded_split(whole, rows, columns, name=part)

    parts = [split(*each) for each in zip(Parts._fields, names, rows, strict=True)]
    if parts[0].arrays is not None:
        label = parts[0].arrays["label"]
        check_classes(label, classes=columns.classes, name="train")
    return DataSet(
        *parts,
        prepare=lambda images: {"inputs": _sources.scale(images)},
        info={**info, "sizes": _sizes(parts)},
    )


def _texts(builder, columns, names, rows, fit, info):
    def texts(name, rows):
        whole = _source(builder, name or "train")
        found = [whole[int(i)] for i in rows]
        read = tuple(e[columns.inputs].decode() for e in found)
        label = np.array([e[columns.label] for e in found])
        return Texts(read, label, columns.classes)

    texts = Parts(*(texts(*each) for each in zip(names, rows, strict=True)))
    check_classes(texts.train.label, classes=columns.classes, name="train")
    tokens = fit(texts.train.texts)
    parts = [tokenized(t, tokens, name=n) for n, t in texts._asdict().items()]
    info = {**info, "sizes": _sizes(parts), **tokens.info}
    return DataSet(*parts, prepare=tokens.prepare, info=info)


def _sizes(parts):
    return {n: s.size for n, s in zip(Parts._fields, parts, strict=True)}
