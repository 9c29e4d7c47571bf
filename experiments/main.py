"""Runs the experiment of a configuration, to its table and its report.

    python -m experiments.main --config=configs/NAME.py[:arg] --workdir=DIR
        [--config.key=value ...] [--seeds=0,1,2] [--sweep=key=value,value ...]
        [--traceback]
    python -m experiments.main compare DIR DIR
    python -m experiments.main --list
    python -m experiments.main --config=configs/NAME.py --help

The same command goes on where it was stopped. DIR receives `config.json`, `rows.jsonl`
and `report.html`. With `smoke` as arg a run takes seconds. `--seeds` is several seeds,
`--sweep` each value of a key of the configuration, each run in a folder of its own in
DIR, to one table. Compiled programs are kept in the folder that is named by
JAX_COMPILATION_CACHE_DIR, by default in `~/.cache/jdistill`.
"""

import contextlib
import errno
import importlib
import importlib.util
import logging
import os
import pathlib
import platform
import re
import signal
import sys
import traceback
import zlib
from collections.abc import Sequence
from typing import Any

import experiments
from experiments.tools.listing import about, listing

STOPPED = "stopped; the same command goes on from here\n"
FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: Sequence[str]) -> int:
    """Runs one command line; 0, or 2 with one line on standard error.

    What takes long to import is imported once the first line is there.
    """
    rest = [argument for argument in arguments if argument != "--traceback"]
    # What a save meets is raised here as well, and then said in one line.
    for name in ("absl", "asyncio", "concurrent.futures"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        _run(rest)
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        return 130
    except Exception as error:
        if len(rest) < len(arguments) or not _is_users(error):
            raise
        shown = importlib.import_module("jdistill.words").visible(_said(error))
        sys.stderr.write(f"error: {shown}\n")
        return 2
    return 0


def _run(arguments: Sequence[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        _say(_help(arguments))
    elif "--list" in arguments:
        if more := [a for a in arguments[1:] if a != "--list"]:
            raise ValueError(f"--list stands alone, and there is {more[0][:80]!r} too")
        _say(listing())
    elif list(arguments[1:2]) == ["compare"]:
        _part("compare").compare(arguments[2:])
    else:
        command = _part("flags").parse(arguments)
        _say(f"{command.source} in {command.workdir}{_there(command.workdir)}")
        _part("launch").run(command)


def _part(name: str) -> Any:
    """A module that takes a while to import, and packages that may be missing."""
    return importlib.import_module(f"experiments.tools.{name}")


def _help(arguments: Sequence[str]) -> str:
    """What the command is, or a configuration where one is named."""
    for argument in arguments:
        named = re.match(r"--?config=([^:]+)", argument)
        if named:
            _part("flags").check_file(named[1])
            return about(pathlib.Path(named[1]))
    return f"{__doc__}\n{listing()}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _there(workdir: pathlib.Path) -> str:
    """How many rows a folder has from before."""
    with contextlib.suppress(OSError):
        count = (workdir / "rows.jsonl").read_bytes().count(b"\n")
        return f", {count} rows so far" if count else ""
    return ""


def _is_users(error: Exception) -> bool:
    """Whether this package, or the file system, found a fault in what it was given."""
    if isinstance(error, OSError):
        return True
    if isinstance(error, ModuleNotFoundError):
        return _extra(error) is not None
    library = importlib.util.find_spec("jdistill")  # which need not be imported yet
    ours = {pathlib.Path(folder) for folder in experiments.__path__}
    ours |= {pathlib.Path(library.origin or "").parent} if library else set()
    last = pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    kinds = (ValueError, TypeError, FloatingPointError)
    raised_here = any(folder in last.parents for folder in ours)
    return isinstance(error, kinds) and raised_here and "\n" not in str(error)


def _extra(error: ModuleNotFoundError) -> str | None:
    return importlib.import_module("jdistill.extras").mend("experiments", error)


def _said(error: Exception) -> str:
    """What an error says in one line; of the file system's, what to do as well."""
    if isinstance(error, ModuleNotFoundError):
        return _extra(error) or str(error)
    number = getattr(error, "errno", None)
    if number is None:
        return " ".join(str(error).split())
    place = f": {error.filename}" if error.filename else ""
    again = "; the same command goes on when there is room" if number in FULL else ""
    return f"{error.strerror}{place}{again}"


def keep_programs() -> None:
    """Keeps compiled programs for the next run, in a folder of its own by default."""
    cache = os.environ.get("JDISTILL_CACHE") or "~/.cache/jdistill"
    # Programs of another processor do not run on this one.
    folder = pathlib.Path(cache).expanduser() / f"jax-{_processor():08x}"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def _processor() -> int:
    """A number that processors of other instructions do not share."""
    said = platform.machine()
    with contextlib.suppress(OSError):
        text = pathlib.Path("/proc/cpuinfo").read_text()
        said += "".join(re.findall(r"^(?:flags|Features)\s*:.*$", text, re.M)[:1])
    return zlib.crc32(said.encode())


def stop(number: int, frame: Any) -> None:
    """Ends the process, as Ctrl-C asks, wherever it is.

    What is written is whole at any moment, as a kill needs it. An exception would go
    through the compiler, whose interrupted programs end the process in a fault of
    memory, through imports, which make another error of it, and through saves, which
    leave what they began.
    """
    cursor = b"\r\x1b[K\x1b[?25h" if os.isatty(2) else b""  # a bar may have hidden it
    os.write(2, cursor + STOPPED.encode())
    os._exit(130)


def command() -> int:
    """Runs this process's command line, and shows its line and no more.

    A save that failed leaves callbacks behind, which find their event loop closed and
    would each print a traceback.
    """
    signal.signal(signal.SIGINT, stop)
    shown = sys.excepthook

    def hook(kind, error, trace):
        if str(error) != "Event loop is closed":
            shown(kind, error, trace)

    sys.excepthook = hook
    keep_programs()
    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(command())
