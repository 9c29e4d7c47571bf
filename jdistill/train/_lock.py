"""A folder for one process at a time."""

import fcntl
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from jdistill.words import check_path


class _Held(NamedTuple):
    file: int
    holders: set[object]


_HELD: dict[tuple[int, int, int] | None, _Held] = {}
"""What this process has open, by process and file.

The system gives a lock back as soon as the process closes any descriptor of the file,
so a file is opened once and closed when nothing in the process holds it any more.
"""


def lock(folder: str | os.PathLike) -> Callable[[], None]:
    """Takes a folder for this process, until it is given back or the process ends.

    The lock is the operating system's, on the file `lock` in the folder: a kill
    releases it, and a file that is left over means nothing. The same process may take
    a folder again, and has it until all that it took is given back.

    Args:
        folder: made where it is missing.

    Returns:
        `release()`.

    Raises:
        ValueError: another process has it; the message gives its number.
        OSError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> release = lock(tempfile.mkdtemp())
        >>> release()
    """
    check_path(folder=folder)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    key = _key(path)
    if key not in _HELD:
        file = _locked(folder, path)
        key = _key(path)
        _HELD[key] = _Held(file, set())
    held, holder = _HELD[key], object()
    held.holders.add(holder)

    def release() -> None:
        held.holders.discard(holder)
        if not held.holders and _HELD.pop(key, None) is held:
            os.close(held.file)

    return release


def _key(path: pathlib.Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return os.getpid(), found.st_dev, found.st_ino


def _locked(folder: pathlib.Path, path: pathlib.Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(file, 20).decode(errors="replace").strip() or "unknown"
        os.close(file)
        raise ValueError(
            f"{folder} is in use by process {owner}: wait for it, or take another"
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file
