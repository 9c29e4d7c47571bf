"""What a folder may do to a run: `python -m tests.reliability.faults`, a row of JSON.

Another process has it, its disk is full, it may only be read, it is removed while the
run goes on. Each must be one line and exit code 2, and where there is room again the
same command must go on. Disks are of memory (tmpfs), which needs the right to mount.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from tests.experiments.small import ROOT, command
from tests.reliability.tally import Outcome, main, tally

PROGRESS = re.compile(r"[\w ]+ \d+ +\d+/\d+ ")
CPU = {**os.environ, "JAX_PLATFORMS": "cpu"}
BEGIN = 600
"""Seconds within which a run must have written its first checkpoint."""


def process(home: pathlib.Path, workdir: pathlib.Path) -> subprocess.Popen:
    """The small pipeline, as a command line."""
    line = [sys.executable, "-m", "experiments.main", *command(home, workdir)]
    return subprocess.Popen(
        line, cwd=ROOT, env=CPU, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def ended(process: subprocess.Popen, what: str) -> Outcome:
    """Whether it ended with one line of error, the last, and exit code 2."""
    _, said = process.communicate()
    lines = said.splitlines()  # the progress of a run without a terminal stands before
    errors = [line for line in lines if not PROGRESS.match(line)]
    right = process.returncode == 2 and errors == lines[-1:]
    return "right" if right else f"exit {process.returncode}", what, said[-500:]


def went_on(process: subprocess.Popen, what: str) -> Outcome:
    """Whether it ended as it should."""
    _, said = process.communicate()
    return "right" if process.returncode == 0 else "stopped", what, said[-500:]


def _until_saved(running: subprocess.Popen, workdir: pathlib.Path) -> None:
    end = time.monotonic() + BEGIN
    while not [*workdir.glob("fold0/*/checkpoints/steps/*/note")]:
        if time.monotonic() > end or running.poll() is not None:
            raise RuntimeError("the run wrote no checkpoint")
        time.sleep(0.02)


def two_processes(home: pathlib.Path) -> Iterator[Outcome]:
    """The second is refused, and the first ends well."""
    first = process(home, home / "two")
    _until_saved(first, home / "two")
    yield ended(process(home, home / "two"), "a second process")
    yield went_on(first, "the first process")


def removed(home: pathlib.Path) -> Iterator[Outcome]:
    """The folder goes away amid a run."""
    running = process(home, home / "gone")
    _until_saved(running, home / "gone")
    shutil.rmtree(home / "gone", ignore_errors=True)
    yield ended(running, "a folder that is removed")


def full(home: pathlib.Path) -> Iterator[Outcome]:
    """Disks of a few sizes, then room for the last of them."""
    for kilobytes in (8, 64, 256):
        with disk(home / "full", f"size={kilobytes}k") as place:
            yield ended(process(home, place / "run"), f"a disk of {kilobytes} kB")
            mounted = ["mount", "-o", "remount,size=64m", str(place)]
            if kilobytes == 256:
                subprocess.run(mounted, check=True)
                yield went_on(process(home, place / "run"), "room again")


def read_only(home: pathlib.Path) -> Iterator[Outcome]:
    """Nothing can be written."""
    with disk(home / "fixed", "ro") as place:
        yield ended(process(home, place), "a folder that is read-only")
        yield ended(process(home, place / "run"), "a folder that cannot be made")


@contextlib.contextmanager
def disk(place: pathlib.Path, options: str) -> Iterator[pathlib.Path]:
    """A file system of memory."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def run(share: int = 1) -> tuple[dict[str, Any], list[Outcome]]:
    """The row of every `share`-th fault, and the cases that ended otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        every = (two_processes, full, read_only, removed)[::share]
        found = tally(outcome for fault in every for outcome in fault(home))
    row = {
        "harness": "folders that fail",
        "tried": len(found.every),
        **{what: how for how, what, _ in found.every},
        "seconds": found.seconds,
    }
    return row, found.wrong


if __name__ == "__main__":
    sys.exit(main(run))
