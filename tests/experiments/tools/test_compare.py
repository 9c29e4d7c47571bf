"""Two folders beside each other: what they were asked, and what came out."""

import json

import pytest

from experiments.main import main
from experiments.tools.compare import compare


def row(stage, accuracy, fold=0, size=1000, seed=0):
    return {"stage": stage, "realised": "dense", "accuracy": accuracy,
            "fold": fold, "seed": seed, "bytes": size}  # fmt: skip


@pytest.fixture
def folders(tmp_path):
    for name, rate in (("one", 0.1), ("two", 0.2)):
        folder = tmp_path / name
        folder.mkdir()
        config = {"experiment": "x", "tx": {"rate": rate}, "folds": [0]}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "rows.jsonl").write_text(json.dumps(row("student", rate)) + "\n")
    return [str(tmp_path / name) for name in ("one", "two")]


def test_the_command_says_what_differs_in_the_configurations(folders, capsys):
    assert main(["main", "compare", *folders]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"A: {folders[0]}", f"B: {folders[1]}"]
    assert lines[2] == "config.tx.rate: 0.1 in A, 0.2 in B"
    assert len([line for line in lines if line.startswith("config.")]) == 1
    (student,) = (line.split() for line in lines if "student" in line)
    assert student[2:4] == ["10.00", "20.00"] and "+10.00" in student


def test_a_mistake_is_one_line(folders, tmp_path, capsys):
    assert main(["main", "compare", folders[0]]) == 2
    assert capsys.readouterr().err.startswith("error: compare wants two folders")
    assert main(["main", "compare", folders[0], str(tmp_path)]) == 2
    assert f"{tmp_path} has no rows" in capsys.readouterr().err
    with pytest.raises(ValueError, match="two folders, got 0"):
        compare([])
