"""Prepares data sets of the tensorflow-datasets catalogue, also without network.

Preparing a data set unpacks its archives, for which the catalogue needs TensorFlow;
reading what is prepared (array_record files) does not.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

from jdistill import extras


class Archive(NamedTuple):
    """A file that was placed in a folder by hand, for one registered address."""

    url: str
    path: pathlib.Path
    sha256: str
    registered: bool


def _catalogue() -> Any:
    # Importing takes about a second, which only its users should wait for.
    return extras.needed("tensorflow_datasets", by="data.tfds")


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
    catalogue = _catalogue()
    try:
        return catalogue.builder(
            dataset, data_dir=folder, file_format="array_record", try_gcs=False
        )
    except Exception as error:
        raise ValueError(
            f"tensorflow-datasets has no data set {dataset!r}: {_first_line(error)}"
        ) from error


def prepared(
    dataset: str,
    *,
    data_dir: str | os.PathLike | None,
    manual_dir: str | os.PathLike | None,
    trust_local: bool,
) -> tuple[Any, list[Archive]]:
    """A builder whose data are prepared, and the archives they were made from.

    Args:
        dataset: the builder's name.
        data_dir: where prepared data are kept.
        manual_dir: a folder with the archives.
        trust_local: use an archive that is not the registered one.

    Returns:
        The builder, and the archives that were found.

    Raises:
        ValueError: no such data set, no data and no network, an archive that is not
            the registered one, or no TensorFlow to unpack it.
    """
    root = pathlib.Path(data_dir) if data_dir else _cache_folder()
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


def is_text(feature: Any) -> bool:
    """Whether a feature of a builder is a text."""
    return isinstance(feature, _catalogue().features.Text)
