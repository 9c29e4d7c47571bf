"""The folder of a run: garbage, links, other processes, no room, no rights."""

import errno
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from experiments.main import main
from experiments.tools import rows, workdir
from tests.experiments.test_main import toy  # noqa: F401
from tests.train.test_lock import HOLDS

pytestmark = [
    pytest.mark.filterwarnings("ignore:the load_module.. method:DeprecationWarning"),
    pytest.mark.usefixtures("undrawn"),
]


def said(capsys):
    line = capsys.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1
    return line


@pytest.mark.parametrize("text", ["", "{", "null", "5", "[]", '"x"', "\0"])
def test_a_config_that_is_none_is_named_and_kept(toy, tmp_path, capsys, text):  # noqa: F811
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text(text)
    (tmp_path / "run/x").write_text("")
    assert toy() == 2
    assert "is not the config of a run" in said(capsys)
    assert (tmp_path / "run/config.json").read_text() == text


def test_nan_in_a_config_is_itself(tmp_path):
    for _ in range(2):
        workdir.claim(tmp_path, {"rate": float("nan"), "many": [float("inf")]})
        (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"config.rate is nan there and 1.0 here"):
        workdir.claim(tmp_path, {"rate": 1.0, "many": [float("inf")]})


def test_a_run_whose_config_has_lists_of_mappings_goes_on(tmp_path):
    stages = [{"stage": "b", "after": "a", "train": {"steps": 3, "lr": 0.1}}, {"z": 1}]
    for _ in range(2):
        workdir.claim(tmp_path, {"stages": stages})
        (tmp_path / "rows.jsonl").write_text("")


def test_long_arrays_are_compared_whole_and_sets_in_any_order(tmp_path):
    weights, one = np.arange(2000), np.arange(2000) == 1000
    for names in (["a", "b", "c", "d"], ["d", "c", "b", "a"]):
        workdir.claim(tmp_path, {"weights": weights, "names": {*names}})
        (tmp_path / "rows.jsonl").write_text("")
    said = r"config.weights\[1000\] is 1000 there and 1001 here"
    with pytest.raises(ValueError, match=said):
        workdir.claim(tmp_path, {"weights": weights + one, "names": {*"abcd"}})


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (
            [{"steps": 3}, {"steps": 9}],
            r"config.stages\[1\].steps is 5 there and 9 here",
        ),
        ([{"steps": 3}], "config.stages has 2 entries there and 1 here"),
        ([{"steps": 3}, ["x" * 900]], r"config.stages\[1\] is {'steps': 5} there"),
    ],
)
def test_what_differs_in_a_list_is_named_and_nothing_else(tmp_path, stages, said):
    workdir.claim(tmp_path, {"stages": [{"steps": 3}, {"steps": 5}]})
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(ValueError, match=said) as error:
        workdir.claim(tmp_path, {"stages": stages})
    assert len(str(error.value)) < len(str(tmp_path)) + 200


@pytest.mark.parametrize("link", ["config.json", "report.html", "rows.jsonl"])
def test_nothing_is_written_through_a_link(toy, tmp_path, link, capsys):  # noqa: F811
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "run" / link).symlink_to(tmp_path / "mine")
    code = toy()
    assert code == (0 if link == "report.html" else 2)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("line", ["5", "null", "[]", '"x"'])
@pytest.mark.parametrize("name", ["rows", "curves"])
def test_a_line_that_is_no_row_is_named(toy, tmp_path, capsys, name, line):  # noqa: F811
    assert toy() == 0
    capsys.readouterr()
    file = tmp_path / f"run/{name}.jsonl"
    whole = file.read_text()
    file.write_text(whole + line + "\n")
    assert toy() == 2
    number = whole.count("\n") + 1
    assert f"{name}.jsonl, line {number}, is " in said(capsys)
    assert file.read_text() == whole + line + "\n"


def test_a_second_process_is_told_in_one_line(toy, tmp_path, capsys):  # noqa: F811
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "run")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        assert toy() == 2
        assert f"is in use by process {process.pid}" in said(capsys)
        process.kill()
    assert toy() == 0


def test_a_file_in_place_of_the_folder_is_one_line(toy, tmp_path, capsys):  # noqa: F811
    (tmp_path / "run").write_text("mine")
    assert toy() == 2
    assert "run" in said(capsys)
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_file_system_refuses_is_one_line_and_the_command_goes_on_later(
    toy,  # noqa: F811
    tmp_path,
    capsys,
    monkeypatch,
    number,
):
    def fails(_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(rows.os, "fsync", fails)
        assert toy() == 2
    line = said(capsys)
    assert os.strerror(number) in line
    assert ("goes on when there is room" in line) == (number == errno.ENOSPC)
    assert toy() == 0
    written = rows.read_rows(tmp_path / "run/rows.jsonl")
    assert len(written) == len({json.dumps([r["stage"], r["fold"]]) for r in written})


def test_a_folder_that_goes_away_is_one_line(toy, tmp_path, capsys, monkeypatch):  # noqa: F811
    import shutil

    opened = pathlib.Path.open

    def gone(path, *args, **more):
        if path.name == "rows.jsonl" and args[:1] == ("ab",):
            shutil.rmtree(tmp_path / "run")
        return opened(path, *args, **more)

    monkeypatch.setattr(pathlib.Path, "open", gone)
    assert toy() == 2
    assert "No such file or directory" in said(capsys)


@pytest.mark.parametrize(
    "text",
    ["import sys\nsys.exit(0)\n", "def get_config(:\n", "x = 1\n", "import nonesuch\n",
     "def get_config(arg=''):\n    raise KeyError('k')\n",
     "def get_config(arg=''):\n    return None\n",
     "def get_config(arg=''):\n    return get_config(arg)\n"],
)  # fmt: skip
def test_a_config_file_that_fails_is_one_line(tmp_path, capsys, text):
    (tmp_path / "c.py").write_text(text)
    run = ["main", f"--config={tmp_path / 'c.py'}", f"--workdir={tmp_path / 'run'}"]
    assert main(run) == 2
    said(capsys)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_was_removed_and_made_again_is_not_gone_on_in(tmp_path):
    workdir.claim(tmp_path / "run", {"a": 1})
    workdir.check_there(tmp_path / "run")
    (tmp_path / "run/config.json").unlink()
    with pytest.raises(FileNotFoundError, match="removed amid the run"):
        workdir.check_there(tmp_path / "run")


def test_what_a_killed_write_left_keeps_no_other_config_out(tmp_path):
    workdir.claim(tmp_path, {"a": 1})
    (tmp_path / ".config.json.0123").write_text("half")
    workdir.claim(tmp_path, {"a": 2})
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"config.a is 2 there and 3 here"):
        workdir.claim(tmp_path, {"a": 3})


def test_a_text_that_is_no_unicode_is_written_and_a_link_replaced(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "page").symlink_to(tmp_path / "mine")
    workdir.write_whole(tmp_path / "page", "\ud800 é")
    assert (tmp_path / "page").read_text(encoding="utf-8") == "\\ud800 é"
    assert (tmp_path / "mine").read_text() == "mine"
