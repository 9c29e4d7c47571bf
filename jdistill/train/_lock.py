"""A folder for one process at a time."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Callable

from jdistill.words import check_path


def lock(folder: str | os.PathLike) -> Callable[[], None]:
    """Takes a folder for this process, until it is given back or the process ends.

    The lock is the operating system's, on the file `lock` in the folder: a kill
    releases it, and a file that is left over means nothing. The same process may take
    a folder again.

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
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
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

    def release() -> None:
        with contextlib.suppress(OSError):  # released before
            os.close(file)

    return release
