"""Two folders beside each other: what they were asked, and what came out."""

import io
import json

import pytest
import rich.console

from experiments.compare import compare, table
from experiments.main import main


def row(stage, accuracy, fold=0, size=1000, seed=0):
    return {"stage": stage, "realised": "dense", "accuracy": accuracy,
            "fold": fold, "seed": seed, "bytes": size}  # fmt: skip


def shown(first, second):
    console = rich.console.Console(file=io.StringIO(), width=200)
    console.print(table(first, second))
    lines = console.file.getvalue().splitlines()
    return {line.split()[0]: line.split()[2:] for line in lines if "dense" in line}


def test_differences_are_of_rows_of_one_fold_and_seed():
    first = [row("student", 0.5, 0), row("student", 0.7, 1), row("student", 0.1, 2)]
    second = [row("student", 0.6, 0, 500), row("student", 0.9, 1, 500)]
    cells = shown(first, second)["student"]
    assert cells[:2] == ["43.33", "±17.64"] and cells[2:4] == ["75.00", "±15.00"]
    assert cells[4:6] == ["+15.00", "±5.00"], "of the two folds that both have"
    assert cells[6:] == ["1.00", "0.50", "0.5"]


def test_a_stage_that_one_has_stands_there_with_what_is_known():
    cells = shown([row("student", 0.5)], [row("other", 0.25)])
    assert cells["student"] == ["50.00", "–", "–", "1.00", "–", "–"]
    assert cells["other"] == ["–", "25.00", "–", "–", "1.00", "–"]


def test_folds_that_differ_give_the_difference_of_the_means():
    cells = shown([row("student", 0.5, 0)], [row("student", 0.6, 1)])["student"]
    assert cells[2] == "+10.00"


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


def test_a_mistake_is_one_line(folders, tmp_path, capsys):
    assert main(["main", "compare", folders[0]]) == 2
    assert capsys.readouterr().err.startswith("error: compare wants two folders")
    assert main(["main", "compare", folders[0], str(tmp_path)]) == 2
    assert f"{tmp_path} has no rows" in capsys.readouterr().err
    with pytest.raises(ValueError, match="two folders, got 0"):
        compare([])
