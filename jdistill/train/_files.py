"""Reading arrays from files, and telling damage from what passes."""

import errno
import os
import pathlib
import re
from typing import Any

import orbax.checkpoint as ocp

from jdistill.train._note import Damaged

PASSING = re.compile(
    "RESOURCE_EXHAUSTED|UNAVAILABLE|PERMISSION_DENIED|DEADLINE_EXCEEDED|CANCELLED"
)
"""Words of a reader that failed for a reason beside the contents of files."""
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What says that a file is not there, as a number and as an exception without one."""


def arrays(place: pathlib.Path, reader: Any, target: dict[str, Any]) -> dict:
    """What the files hold; `Damaged` where they can be read, but not understood."""
    if not target:
        return {}
    how = ocp.checkpoint_utils.construct_restore_args(target)
    wanted = ocp.args.PyTreeRestore(item=target, restore_args=how)
    arguments = ocp.args.Composite(state=wanted)
    for _ in range(2):  # a failure that passes is no proof
        try:
            return dict(reader.restore(place, args=arguments).state)
        except Exception as error:
            raise_passing(error, place)
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    for file in place.rglob("*"):
        if file.is_file():
            file.read_bytes()  # raises where the file system is at fault
    raise Damaged(reason)


def raise_passing(error: BaseException, place: pathlib.Path) -> None:
    """Raises what went wrong where it says nothing about the contents of files."""
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause)
        code = re.search(r"os_error_code='(\d+)'", text)
        number = int(code[1]) if code else getattr(cause, "errno", None)
        if number is not None and number not in GONE:
            raise OSError(number, os.strerror(number), str(place)) from error
        nothing = isinstance(cause, OSError) and not isinstance(cause, ABSENT)
        if isinstance(cause, MemoryError) or nothing or PASSING.search(text):
            raise error
        cause = cause.__cause__ or cause.__context__
