"""Files that are whole or not there."""

import contextlib
import os
import pathlib
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO


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
    # opened and not made by `tempfile`, whose files only their owner may read
    aside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")
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


def _mode(target: pathlib.Path) -> int | None:
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        raise ValueError(f"{target} is no file and cannot be replaced by one")
    return stat.S_IMODE(found)
