"""One process a folder, and none after a kill."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from jdistill import train
from tests.experiments.small import ROOT

HOLDS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from jdistill import train
release = train.lock(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "run")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_another_process_is_named_and_a_kill_gives_the_folder_back(tmp_path, other):
    said = f"run is in use by process {other.pid}: wait for it, or take another"
    with pytest.raises(ValueError, match=said):
        train.lock(tmp_path / "run")
    with pytest.raises(ValueError, match=said):
        train.checkpoints(tmp_path / "run")
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    train.lock(tmp_path / "run")()


def test_a_file_that_is_left_over_means_nothing(tmp_path):
    (tmp_path / "lock").write_text("12345\n")
    release = train.lock(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    train.lock(tmp_path)()  # the same process may
    release()


def test_who_has_a_folder_twice_keeps_it_until_both_are_given_back(tmp_path):
    def taken():
        command = [sys.executable, "-c", HOLDS, str(tmp_path)]
        given = dict(capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return "is in use" in subprocess.run(command, **given).stderr

    first, second = train.lock(tmp_path), train.lock(tmp_path)
    second()
    second()  # giving back twice gives back once
    assert taken()
    first()
    assert not taken()


def test_a_folder_that_was_removed_and_made_again_is_locked_anew(tmp_path):
    first = train.lock(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    second = train.lock(tmp_path / "run")
    assert (tmp_path / "run" / "lock").read_text() == f"{os.getpid()}\n"
    first(), second()
