"""Seeds and sweeps: a run each, one table, and what is the same stands there once."""

import re
import sys

import numpy as np
import pytest
from scipy import stats

import experiments
from experiments.main import main
from experiments.tools import variants
from experiments.tools.flags import parse
from experiments.tools.rows import read_rows
from tests.experiments.small import ROOT

# ml_collections loads configuration files so
pytestmark = [
    pytest.mark.filterwarnings("ignore:the load_module.. method:DeprecationWarning"),
    pytest.mark.usefixtures("undrawn"),
]

CONFIG = """
import ml_collections

def get_config():
    return ml_collections.ConfigDict({
        "experiment": "tried", "seed": 0, "folds": (0, 1), "width": 3,
        "objective": {"temperature": 4.0, "alpha": 0.5}})
"""

EXPERIMENT = """
from experiments.tools import plan
from experiments.tools.rows import open_rows

RAN = []

def run(config, workdir):
    with plan.at("config.width"):
        if config.width < 0:
            raise ValueError("it is below 0")
    plan.made()
    RAN.append((config.seed, config.objective.temperature))
    for fold in config.folds:
        place = {"fold": fold, "seed": config.seed, "realised": "dense"}
        yield {"stage": "teacher", "accuracy": 0.5 + config.seed / 10, **place}
        gain = config.objective.temperature / 100
        yield {"stage": "student", "accuracy": 0.6 + gain + fold / 10, **place}
    point = open_rows(workdir / "curves.jsonl", ("stage", "seed"))
    for stage in ("teacher", "student"):
        point({"stage": stage, "seed": config.seed, "step": 1, "split": "train",
               "name": "loss", "value": 1.0})
    yield {"stage": "comparison", "of": "student", "against": "teacher",
           "fold": "all", "seed": config.seed, "difference": 0.1 + config.seed,
           "low": 0.0, "high": 0.2 + config.seed, "examples": 7}
"""


@pytest.fixture
def tried(tmp_path, monkeypatch):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "tried.py").write_text(EXPERIMENT)
    (tmp_path / "conf.py").write_text(CONFIG)
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(folder)])
    monkeypatch.setenv("COLUMNS", "120")
    flags = [f"--config={tmp_path / 'conf.py'}", f"--workdir={tmp_path / 'run'}"]
    yield lambda *more: main(["main", *flags, *more])
    sys.modules.pop("experiments.tried", None)


def ran():
    return sys.modules["experiments.tried"].RAN


def rows(tmp_path):
    return read_rows(tmp_path / "run" / "rows.jsonl")


def test_a_sweep_is_one_table_where_only_what_differs_has_its_value(
    tried, tmp_path, capsys
):
    assert tried("--sweep", "objective.temperature=1,4.0") == 0
    stages = [(r["stage"], r["fold"], r.get("accuracy")) for r in rows(tmp_path)]
    assert stages[:4] == [
        ("teacher", 0, 0.5),
        ("teacher", 1, 0.5),
        ("student temperature=1", 0, 0.61),
        ("student temperature=1", 1, 0.71),
    ]
    assert [s for s, _, _ in stages[4:6]] == ["student temperature=4.0"] * 2
    compared = [(r["of"], r["against"]) for r in rows(tmp_path)[6:]]
    assert compared == [
        ("student temperature=1", "teacher"),
        ("student temperature=4.0", "teacher"),
    ]
    shown = capsys.readouterr().out
    assert "objective.temperature=4.0: run 2 of 2" in shown
    assert re.search(r"student temperature=1 +dense +66.00 ±5.00", shown)
    curves = read_rows(tmp_path / "run" / "curves.jsonl")
    assert [point["stage"] for point in curves] == [
        "teacher",
        "student temperature=1",
        "student temperature=4.0",
    ]
    assert "student temperature=4.0" in (tmp_path / "run/report.html").read_text()
    pages = [p.read_text() for p in sorted((tmp_path / "run").glob("*/report.html"))]
    for page, value in zip(pages, ("1", "4.0"), strict=True):
        assert f"<h1>conf objective.temperature={value}</h1>" in page
        assert "--sweep" in page and "experiments.main" in page


@pytest.mark.parametrize("together", [False, True])
def test_an_experiment_says_whether_runs_train_together(tried, tmp_path, together):
    source = tmp_path / "more/tried.py"
    source.write_text(f"{EXPERIMENT}\nLANES = {together}\n")
    assert tried("--sweep=objective.alpha=0.1,0.2") == 0
    assert (tmp_path / "run/lanes.json").exists() == together


def test_seeds_of_one_seed_are_a_run_each_and_their_rows_one_stage(tried, tmp_path):
    assert tried("--seeds=0,2") == 0
    assert ran() == [(0, 4.0), (2, 4.0)]
    found = [(r["stage"], r["fold"], r["seed"]) for r in rows(tmp_path)]
    places = [(fold, seed) for seed in (0, 2) for fold in (0, 1)]
    assert found[:8] == [(s, *p) for s in ("teacher", "student") for p in places]
    (difference,) = rows(tmp_path)[8:]
    assert difference["difference"] == pytest.approx(1.1)
    assert (difference["seed"], difference["seeds"]) == ("all", 2)
    # The student is 0.14 or -0.06 above the teacher in fold 0, 0.24 or 0.04 in fold 1:
    # a variance of 0.02 in each, of 2 folds x (2 - 1) degrees of freedom.
    of_seeds = stats.t.ppf(0.975, 2) * np.sqrt(0.02 / 4)
    low, high = difference["low"], difference["high"]
    assert 1.1 - low == pytest.approx(np.hypot(1.1 - 0.0, of_seeds))
    assert high - 1.1 == pytest.approx(np.hypot(1.2 - 1.1, of_seeds))


def test_an_interval_over_seeds_holds_the_truth_as_often_as_it_says():
    """Test examples and training both make chance differences; a fold is drawn anew."""
    rng, held, tried = np.random.default_rng(0), 0, 300
    for _ in range(tried):
        examples = rng.normal(0, 0.01, 2)  # what the examples of each fold make
        found: dict = {}
        for seed in range(3):
            of_fold = examples + rng.normal(0, 0.02, 2)  # and each training
            place = {"seed": seed, "of": "a", "against": "b", "stage": "comparison"}
            half = 1.96 * 0.01 / np.sqrt(2)
            middle = of_fold.mean()
            bounds = {"low": middle - half, "high": middle + half}
            made = {"fold": "all", "difference": middle, **bounds, **place}
            found.setdefault("rows", []).append(made)
            for fold, value in enumerate(of_fold):
                found["rows"] += [
                    {"stage": "a", "fold": fold, "seed": seed, "accuracy": value},
                    {"stage": "b", "fold": fold, "seed": seed, "accuracy": 0.0},
                ]
        (row,) = [r for r in variants._averaged(found["rows"]) if "of" in r]
        held += row["low"] <= 0 <= row["high"]
    assert 0.93 < held / tried < 1.0


def test_a_figure_that_no_row_has_is_compared_over_the_seeds_alone():
    rows = [
        {"stage": "comparison", "of": "a", "against": "b", "metric": "bits", "fold": 0,
         "seed": s, "difference": d, "low": d, "high": d}
        for s, d in enumerate((0.1, 0.3))
    ]  # fmt: skip
    (row,) = variants._averaged(rows)
    assert row["high"] - 0.2 == pytest.approx(stats.t.ppf(0.975, 1) * 0.1)


def test_several_sweeps_and_seeds_are_every_combination(tried, tmp_path):
    assert tried("--sweep=objective.temperature=1,2", "--seeds", "0,1") == 0
    assert ran() == [(0, 1.0), (1, 1.0), (0, 2.0), (1, 2.0)]
    assert (tmp_path / "run/objective.temperature-1_seed-1/rows.jsonl").exists()


def test_the_same_command_goes_on_and_more_values_may_be_added(tried, tmp_path):
    tried("--sweep=width=1,2")
    before = (tmp_path / "run/width-1/rows.jsonl").read_bytes()
    assert tried("--sweep=width=1,2,5") == 0
    assert (tmp_path / "run/width-1/rows.jsonl").read_bytes() == before
    assert (tmp_path / "run/width-5/rows.jsonl").exists()
    assert tried("--sweep=width=1,2", "--config.folds=(0,)") == 2


def test_a_folder_of_a_sweep_takes_no_other_run(tried, capsys):
    tried("--sweep=width=1,2")
    for more in ((), ("--sweep=objective.alpha=0.1,0.2",)):
        assert tried(*more) == 2
        assert "was made by another config: config.sweep" in capsys.readouterr().err


def test_a_configuration_with_seeds_takes_them_as_they_are(tmp_path):
    path = ROOT / "configs" / "minimal.py"
    command = ["main", f"--config={path}", f"--workdir={tmp_path}"]
    found = parse([*command, "--seeds", "3,5"])
    assert found.config.seeds == (3, 5) and not found.variants
    assert parse([*command, "--seeds=4"]).config.seeds == (4,)


def test_values_in_brackets_are_one_value(tmp_path):
    path = ROOT / "configs" / "minimal.py"
    found = parse(
        ["main", f"--config={path}", f"--workdir={tmp_path}",
         "--sweep=student=(8,8),(16,)"]
    )  # fmt: skip
    assert [one.config.student for one in found.variants] == [(8, 8), (16,)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--sweep=wdth=1,2", "has no key 'wdth'; did you mean 'width'?"),
        ("--sweep=width", "--sweep=width: wanted KEY=VALUE,VALUE..."),
        ("--sweep=width=1,,2", "--sweep: a value is missing"),
        ("--sweep=width=1,1", "--sweep has a value twice"),
        ("--sweep=width=few,2", "width=few"),
        ("--seeds=a", "seed=a"),
        ("--seeds=", "--seeds: a value is missing"),
    ],
)
def test_a_mistake_in_a_sweep_is_one_line(tried, capsys, more, said):
    assert tried(more) == 2
    line = capsys.readouterr().err
    assert said in line and line.count("\n") == 1


def test_a_key_that_is_swept_twice_is_named(tried, capsys):
    assert tried("--sweep=width=1,2", "--sweep=config.width=3") == 2
    assert "--sweep has a key twice: width, width" in capsys.readouterr().err


SWEPT = [
    path
    for path in sorted((ROOT / "configs").glob("*.py"))
    if "--sweep" in path.read_text()
]


@pytest.mark.parametrize("path", SWEPT, ids=lambda path: path.stem)
def test_the_sweep_that_a_configuration_names_fits_it(path, tmp_path):
    text = re.search(r"--sweep (\S+)", path.read_text())[1]
    command = ["main", f"--config={path}", f"--workdir={tmp_path}", "--sweep", text]
    key, values = text.split("=")
    found = parse(command)
    assert [one.config.objective.temperature for one in found.variants] == [
        float(value) for value in values.split(",")
    ]
    assert key == "objective.temperature"


def test_what_is_wrong_with_a_later_run_is_found_before_the_first(
    tried, tmp_path, capsys
):
    assert tried("--sweep=width=3,-1") == 2
    assert capsys.readouterr().err == "error: config.width: it is below 0\n"
    assert ran() == [] and rows(tmp_path) == []
    assert tried("--sweep=width=3,4") == 0  # nothing was made that stands in the way


def test_the_experiment_is_no_key_to_sweep(tried, capsys):
    assert tried("--sweep=experiment=tried,losses") == 2
    assert "the experiment is the same in all runs" in capsys.readouterr().err


def test_a_later_seed_of_real_experiments_is_planned(tmp_path, monkeypatch, capsys):
    """Those whose seeds make several runs, and those that loop over them."""

    def never(*_, **__):
        raise AssertionError("it trains")

    monkeypatch.setattr("jdistill.train.run", never)
    for stem, more in (
        ("minimal", "--seeds=0,9"),
        ("digits", "--sweep=batch_size=8,0"),
    ):
        flags = [
            f"--config={ROOT}/configs/{stem}.py:smoke",
            f"--workdir={tmp_path}/run",
        ]
        assert main(["main", *flags, more]) == 2
        assert capsys.readouterr().err.count("\n") == 1
