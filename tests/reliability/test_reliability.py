"""A short run of what `make reliability` runs whole."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.reliability import checkpoints, commands, foreign


# a reader that gave up leaves tasks behind, which say so when they are collected
@pytest.mark.filterwarnings("ignore")
def test_damaged_checkpoints_stop_no_run():
    row, wrong = checkpoints.run(53)
    assert not wrong
    assert row["tried"] > 30


@pytest.mark.filterwarnings("ignore")
def test_bad_command_lines_are_one_line_each():
    row, wrong = commands.run(211)
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


# what stands on standard error of a panic is the package's own
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_of_others_are_one_line_each():
    row, wrong = foreign.run(51)
    assert not wrong
    assert row["tried"] > 100


def test_whole_files_of_others_are_read(tmp_path):
    """Without which a refusal would say nothing."""
    for kind in foreign.kinds():
        folder = tmp_path / kind.name.replace(" ", "_")
        folder.mkdir()
        kind.read(kind.make(folder))


def test_what_is_wrong_with_files_of_others_is_counted(tmp_path):
    def fails(error):
        def read(path):
            raise error

        return foreign.kinds()[0]._replace(read=read)

    ends = [KeyError("x"), ValueError("no name"), ValueError(f"{tmp_path}\nx")]
    ways = [foreign.outcome(fails(error), 0, tmp_path)[0] for error in ends]
    assert ways == ["other", "lines", "lines"]
    taking = foreign.kinds()[0]._replace(read=lambda path: np.ones(10**7).sum())
    assert foreign.outcome(taking, 0, tmp_path)[0] == "memory"


def test_the_good_calls_beside_the_bad_ones_are_taken():
    """Without which a refusal would say nothing."""
    code = "from tests.reliability import mixups, plain; "
    code += "[c.call() for c in (*mixups.good(), *plain.good())]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
