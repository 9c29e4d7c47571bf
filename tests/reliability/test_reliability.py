"""A short run of what `make reliability` runs whole."""

import json
import subprocess
import sys

import pytest

from tests.reliability import checkpoints, commands


# a reader that gave up leaves tasks behind, which say so when they are collected
@pytest.mark.filterwarnings("ignore")
def test_damaged_checkpoints_stop_no_run():
    row, wrong = checkpoints.run(53)
    assert not wrong
    assert row["tried"] > 30


@pytest.mark.filterwarnings("ignore")
def test_bad_command_lines_are_one_line_each():
    row, wrong = commands.run(101)
    assert not wrong
    assert row["tried"] > 10


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_many_bad_command_lines_are_one_line_each():
    row, wrong = commands.run(6)
    assert not wrong
    assert row["tried"] >= 250


def test_bad_calls_name_their_culprit():
    """In a process of its own, whose annotations are not checked, as a user's are."""
    command = [sys.executable, "-m", "tests.reliability.calls", "41"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["tried"] > 20


def test_the_good_calls_beside_the_bad_ones_are_taken():
    """Without which a refusal would say nothing."""
    code = "from tests.reliability import mixups; [c.call() for c in mixups.good()]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
