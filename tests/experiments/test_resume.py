"""Kill -9 at any moment and the same command again: the same bits, each row once."""

import json
import os
import signal
import subprocess
import textwrap

import numpy as np
import pytest

from experiments.tools.rows import read_rows
from tests.experiments.small import ROOT, child, command

# Runs main; kills itself just before a row is written, some time into a save, or after
# some seconds of training.
SCRIPT = textwrap.dedent("""
    import os, signal, sys, threading, time
    sys.path.insert(0, sys.argv[1])
    moment, number = sys.argv[2].split(":")
    from experiments import main, pipeline
    from jdistill.train import _checkpoint

    def end():
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(function, kill, count=[0]):
        def call(*args, **more):
            count[0] += 1
            if count[0] == int(float(number)):
                kill()
            return function(*args, **more)
        return call

    if moment == "row":  # between the last save of a stage and its row
        run = pipeline.run
        def rows(*args):
            for number_of_row, row in enumerate(run(*args), 1):
                if number_of_row == int(number):
                    end()
                yield row
        pipeline.run = rows
    if moment == "save":
        later = lambda: threading.Timer(float("0." + number.split(".")[1]), end).start()
        _checkpoint._save = counted(_checkpoint._save, later)
    if moment == "deletion":  # an old checkpoint is renamed, and not yet deleted
        _checkpoint.shutil.rmtree = counted(_checkpoint.shutil.rmtree, end)
    if moment == "commit":  # a checkpoint is whole, and the old ones are all there
        wait = _checkpoint._wait
        def waited(store):
            store.writer.wait_until_finished()
            return gone(store)
        gone = counted(wait, end)
        _checkpoint._wait = waited
    if moment == "saved":  # a state is copied, and nothing written
        _checkpoint.checksum = counted(_checkpoint.checksum, end)
    if moment == "stage":  # before a stage begins
        pipeline.train_stage = counted(pipeline.train_stage, end)
    if moment == "time":
        threading.Timer(float(number), end).start()
    sys.exit(main.main(["main", *sys.argv[3:]]))
""")
FLAGS = os.environ.get("XLA_FLAGS", "")
TIMES = ("seconds", "latency_ms", "date", "commit")


SHORT = (
    "--config.stages=('teacher','student','quantised')",
    "--config.quantised.begin=student",
    "--config.comparisons=(('packed','student'),)",
)


def start(folder, workdir, moment="none:0", devices=1, more=()):
    flags = f"{FLAGS} --xla_force_host_platform_device_count={devices}"
    more = [f"--config.devices={devices}", *more]
    done = subprocess.run(
        child(SCRIPT, ROOT, moment, *command(folder, workdir, *more)),
        env={**os.environ, "XLA_FLAGS": flags}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
    return done.returncode


def rows(workdir):
    """What the rows say, but for what time took."""
    return [
        {key: value for key, value in row.items() if key not in TIMES}
        for row in read_rows(workdir / "rows.jsonl")
    ]


def arrays(workdir):
    """Every array of every stage's last checkpoint, as its checksum."""
    notes = sorted(workdir.glob("fold*/*/checkpoints/steps/12/note/metadata"))
    return {
        note.relative_to(workdir): json.loads(note.read_text())["checksums"]
        for note in notes
    }


def assert_same_end(one, other, stages=6):
    assert len(arrays(one)) == stages
    assert arrays(one) == arrays(other)
    files = sorted(p.relative_to(one) for p in one.rglob("*.safetensors"))
    assert len(files) == 3
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    assert rows(one) == rows(other)
    curves = [
        {json.dumps(r, sort_keys=True) for r in read_rows(w / "curves.jsonl")}
        for w in (one, other)
    ]
    assert curves[0] == curves[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody stopped, by the number of its devices."""
    folder, done = tmp_path_factory.mktemp("whole"), {}

    def of(devices, more=()):
        key = (devices, more)
        if key not in done:
            done[key] = folder / str(len(done))
            assert start(folder, done[key], devices=devices, more=more) == 0
        return done[key]

    return of


def killed(tmp_path, moments, devices=1, more=()):
    """The same command until it ends, killed at each moment in turn."""
    workdir, kills, how = tmp_path / "run", 0, {"devices": devices, "more": more}
    for moment in moments:
        kills += start(tmp_path, workdir, moment, **how) != 0
    assert start(tmp_path, workdir, **how) == 0
    return workdir, kills


def test_a_kill_amid_a_save_changes_nothing(tmp_path, whole):
    workdir, kills = killed(tmp_path, ["save:9.004"], more=SHORT)
    assert kills == 1
    assert_same_end(whole(1, SHORT), workdir, stages=4)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 4])
def test_kills_at_many_moments_change_nothing(tmp_path, whole, devices):
    rng = np.random.default_rng(devices)
    moments = ["row:1", "save:1.0", "stage:3", "save:3.01", "row:5", "save:4.002",
               "stage:6", "row:6", "save:2.03", "row:7", "row:9", "row:11",
               "deletion:1", "commit:3", "saved:40", "deletion:2"]  # fmt: skip
    moments += [f"time:{seconds:.2f}" for seconds in rng.uniform(5, 15, 4)]
    order = rng.permutation(len(moments))
    workdir, kills = killed(tmp_path, [moments[i] for i in order], devices)
    assert kills >= 8
    assert_same_end(whole(devices), workdir)


@pytest.mark.slow
def test_four_devices_train_what_one_does(whole):
    one, four = rows(whole(1)), rows(whole(4))
    assert [row["stage"] for row in one] == [row["stage"] for row in four]
    for a, b in zip(one, four, strict=True):
        if "accuracy" in a:
            assert abs(a["accuracy"] - b["accuracy"]) <= 0.01
            assert abs(a["nll"] - b["nll"]) <= 1e-2
