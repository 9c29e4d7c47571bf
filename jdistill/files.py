"""Files and folders that are whole or not there, and paths that are no files."""

import contextlib
import errno
import os
import pathlib
import secrets
import shutil
import stat
from collections.abc import Iterator
from typing import BinaryIO

FREE_BYTES, UNFOLDED = 2**30, 128
"""What a compressed file of arrays may unfold to, and times its own size beside it."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when all is written.

    An interrupted write leaves the old file. A link stays, and what it points to is
    replaced. The new file has the mode of the old one; where there is none, the one
    that the umask gives.

    Args:
        path: of the file.

    Yields:
        The file, open for bytes.

    Raises:
        ValueError: `path` is a folder, a device or another thing that is no file.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'a'
        >>> with replacing(path) as file:
        ...     _ = file.write(b'all of it')
        >>> path.read_bytes()
        b'all of it'
    """
    target = pathlib.Path(os.path.realpath(path))
    mode = _mode(target)
    aside = _beside(target)
    # opened and not made by `tempfile`, whose files only their owner may read
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(aside, flags, 0o666), "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.chmod(aside, mode)
            os.replace(aside, target)
        except BaseException:
            os.unlink(aside)
            raise


@contextlib.contextmanager
def filling(folder: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A folder to write to, which takes the place of `folder` when all is written.

    Args:
        folder: a new one, or one that holds nothing; those above it are made.

    Yields:
        The folder to write to.

    Raises:
        ValueError: `folder` holds something, or is none.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / 'a'
        >>> with filling(folder) as there:
        ...     _ = (there / 'b').write_bytes(b'all of it')
        >>> [path.name for path in folder.iterdir()]
        ['b']
    """
    target = pathlib.Path(os.path.realpath(folder))
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ValueError(f"{folder} holds something already; name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = _beside(target)
    aside.mkdir()
    try:
        yield aside
        os.replace(aside, target)
    except BaseException:
        shutil.rmtree(aside)
        raise


def check_file(path: str | os.PathLike[str]) -> None:
    """Refuses what has no end or would be waited for: a pipe, a device, a socket.

    Raises:
        ValueError: it is one.
        OSError: there is nothing, or a folder; it names the path.

    Example:
        >>> check_file('/dev/null')
        Traceback (most recent call last):
        ValueError: /dev/null is no file: it is a device
    """
    found = os.stat(path).st_mode
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found):
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        what = kinds.get(stat.S_IFMT(found), "a device")
        raise ValueError(f"{path} is no file: it is {what}")


def most_bytes(path: str | os.PathLike[str]) -> int:
    """What a compressed file of arrays may unfold to: 1 GiB and 128 times its size.

    Example:
        >>> most_bytes(__file__) > 2**30
        True
    """
    return FREE_BYTES + UNFOLDED * os.stat(path).st_size


def _beside(target: pathlib.Path) -> pathlib.Path:
    """A hidden name in the same folder, which nothing has."""
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")


def _mode(target: pathlib.Path) -> int | None:
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        raise ValueError(f"{target} is no file and cannot be replaced by one")
    return stat.S_IMODE(found)
