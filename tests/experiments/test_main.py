"""Running an experiment: rows once only, one config a folder, one line an error."""

import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

import experiments
from experiments.main import main
from experiments.tools.rows import open_rows, read_rows

# ml_collections loads configuration files so
pytestmark = [
    pytest.mark.filterwarnings("ignore:the load_module.. method:DeprecationWarning"),
    pytest.mark.usefixtures("undrawn"),
]

ROOT = pathlib.Path(__file__).parents[2]

CONFIG = '''"""What is a toy?

Question: of two stages.
Cost: nothing.
"""
import ml_collections

def get_config(arg="full"):
    if arg not in ("full", "smoke"):
        raise ValueError(f"no config {arg!r}; valid: full, smoke")
    return ml_collections.ConfigDict({
        "experiment": "toy", "folds": 2, "data": {"name": "digits"}, "fault": ""})
'''

EXPERIMENT = """
from experiments.tools.rows import open_rows

IDENTITY = ("rate",)

def run(config, workdir):
    point = open_rows(workdir / "curves.jsonl", ("stage", "fold", "seed", "step"))
    for fold in range(config.folds):
        for step in (0, 1, 2):
            point({"stage": "teacher", "fold": fold, "seed": 0, "step": step,
                   "split": "valid", "name": "loss", "value": 1.0 / (step + 1)})
        words = {"teacher": "dense", "packed": config.fault or "packed"}
        for stage, realised in words.items():
            yield {"stage": stage, "fold": fold, "seed": 0, "realised": realised,
                   "accuracy": 0.5, "bytes": 100 if stage == "packed" else 3000}
"""


FIGURES = """
from jdistill import report

FIGURES = (report.Figure("ndcg", "NDCG@10", "how early a list has it"),)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A small experiment among the others, and a command line that runs it."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "toy.py").write_text(EXPERIMENT)
    (tmp_path / "conf.py").write_text(CONFIG)
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(folder)])
    monkeypatch.setenv("COLUMNS", "100")
    yield lambda *more, config="conf.py": main(
        [
            "main",
            f"--config={tmp_path / config}",
            f"--workdir={tmp_path / 'run'}",
            *more,
        ]
    )
    sys.modules.pop("experiments.toy", None)


def test_a_run_leaves_rows_a_table_and_a_report(toy, tmp_path, capsys):
    assert toy() == 0
    rows = read_rows(tmp_path / "run/rows.jsonl")
    assert [(r["stage"], r["fold"]) for r in rows] == [
        ("teacher", 0),
        ("packed", 0),
        ("teacher", 1),
        ("packed", 1),
    ]
    assert "30×" in capsys.readouterr().out
    page = (tmp_path / "run/report.html").read_text()
    assert "30× smaller" in page
    assert "Learning curves" in page
    assert "What is a toy?" in page and "Question: of two stages." in page
    assert "Cost: nothing" not in page
    again = f"--config={tmp_path / 'conf.py'} --workdir={tmp_path / 'run'}"
    assert f"python -m experiments.main {again}" in page


def test_an_experiment_names_its_figures(toy, tmp_path, capsys):
    own = EXPERIMENT.replace('"accuracy"', '"ndcg"') + FIGURES
    (tmp_path / "more/toy.py").write_text(own)
    assert toy() == 0
    said = capsys.readouterr().out
    assert "NDCG@10 %" in said and "50.00" in said and "accuracy" not in said
    page = (tmp_path / "run/report.html").read_text()
    assert "of NDCG@10" in page and "of accuracy" not in page


def test_rows_of_its_own_headline_say_how_it_came_about(toy, tmp_path, capsys):
    own = EXPERIMENT.replace('"accuracy"', '"ndcg"') + FIGURES
    (tmp_path / "more/toy.py").write_text(own)
    assert toy("--config.fault=simulated") == 2
    assert "stage 'packed': realised is 'simulated'" in capsys.readouterr().err
    rows = read_rows(tmp_path / "run/rows.jsonl")
    assert [row["stage"] for row in rows] == ["teacher"]


def test_each_row_records_its_code_versions_and_hardware(toy, tmp_path):
    toy()
    row = read_rows(tmp_path / "run/rows.jsonl")[0]
    assert row["commit"] is None or len(row["commit"].removesuffix("-dirty")) == 40
    assert set(row["versions"]) == {"python", "jax", "jaxlib", "flax", "optax"}
    assert row["hardware"]["platform"] == "cpu"
    assert datetime.date.fromisoformat(row["date"]).year > 2025
    assert row["hardware"]["cpus"] == os.cpu_count()


def test_the_same_command_again_writes_no_row_twice(toy, tmp_path):
    toy()
    before = [(tmp_path / f"run/{n}.jsonl").read_bytes() for n in ("rows", "curves")]
    assert toy() == 0
    after = [(tmp_path / f"run/{n}.jsonl").read_bytes() for n in ("rows", "curves")]
    assert after == before


@pytest.mark.parametrize("cut", [1, 150])
def test_a_row_that_a_kill_cut_off_is_written_again_whole(toy, tmp_path, cut):
    toy()
    file = tmp_path / "run/rows.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    assert toy() == 0
    assert file.read_bytes() == whole


def test_another_config_is_refused_and_nothing_is_touched(toy, tmp_path, capsys):
    toy()
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    assert toy("--config.folds=3", "--config.data.name=mnist") == 2
    line = capsys.readouterr().err
    assert (
        "made by another config: config.data.name is 'digits' there and 'mnist'" in line
    )
    assert line.count("\n") == 1
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before


def test_rows_of_no_config_are_refused(toy, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/rows.jsonl").write_text("{}\n")
    assert toy() == 2
    assert "has rows.jsonl but no config.json" in capsys.readouterr().err
    assert not (tmp_path / "run/config.json").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--config.fold=3", "has no key 'fold'; did you mean 'folds'? valid: data, "),
        ("--config.data.nme=3", "config.data in"),
        ("--config.folds.x=3", "is a value; it has no key 'x'"),
        ("--config.folds=many", "--config.folds=many"),
        ("--config.experiment=tpy", "config.experiment is 'tpy'; valid: "),
        ("--wrkdir=here", "Unknown command line flag 'wrkdir'"),
        ("stray", "what is 'stray'?"),
        ("--config.fault=simulated", "valid: dense, masked, packed, executed"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_exit_code_2(
    toy, capsys, more, said
):
    assert toy(more) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("conf.py:smok", "no config 'smok'; valid: full, smoke"),
        ("nowhere.py", "there is no file"),
    ],
)
def test_a_config_that_is_not_there_is_one_line(toy, capsys, config, said):
    assert toy(config=config) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("flag", ["config", "workdir"])
def test_a_missing_flag_is_named(tmp_path, capsys, flag):
    (tmp_path / "conf.py").write_text(CONFIG)
    flags = {"config": tmp_path / "conf.py", "workdir": tmp_path / "run"}
    assert main(["main", *(f"--{k}={v}" for k, v in flags.items() if k != flag)]) == 2
    assert capsys.readouterr().err == f"error: --{flag} is missing; see --help\n"


def test_a_fault_of_the_program_keeps_its_traceback(toy, tmp_path):
    fails = (
        "import numpy as np\ndef run(config, workdir):\n    yield np.zeros(3)[[7]]\n"
    )
    (tmp_path / "more/toy.py").write_text(fails)
    with pytest.raises(IndexError):
        toy()


def test_traceback_shows_where_a_users_error_came_from(toy):
    with pytest.raises(ValueError, match="has no key 'fold'"):
        toy("--config.fold=3", "--traceback")


def test_help_names_the_command_and_what_each_configuration_asks_and_costs(capsys):
    assert main(["main", "--help"]) == 0
    said = capsys.readouterr().out
    assert "python -m experiments.main --config=" in said
    assert main(["main", "--list"]) == 0
    listed = capsys.readouterr().out
    assert said.endswith(listed)
    assert (
        "configs/minimal.py\n    Does a teacher help a small network on digits? The "
        "smallest experiment, to copy.\n    half a minute of one CPU core, nothing to "
        "download.\n"
    ) in listed
    names = [line for line in listed.splitlines() if line.startswith("configs/")]
    assert len(names) == len([*(ROOT / "configs").glob("*.py")])


def test_help_of_a_configuration_is_its_docstring(capsys):
    path = ROOT / "configs" / "minimal.py"
    assert main(["main", f"--config={path}:smoke", "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Does a teacher help") and "Expected: " in said


FIRST = """
import sys
from experiments.main import main

class Out:
    lines = []
    def write(self, text):
        self.lines.append((text, [m for m in ("jax", "jdistill") if m in sys.modules]))
    def flush(self):
        pass

sys.stdout = Out()
main(sys.argv)
print(*Out.lines[0], file=sys.stderr)
"""


def test_the_first_line_comes_before_anything_slow_is_imported(toy, tmp_path):
    command = [sys.executable, "-c", FIRST, f"--config={tmp_path / 'conf.py'}"]
    command += [f"--workdir={tmp_path / 'run'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    line, modules = done.stderr.splitlines()[-2:]
    assert line == f"{tmp_path / 'conf.py'} in {tmp_path / 'run'}", done.stderr
    assert modules.strip() == "[]"


def test_the_first_line_says_what_is_there_already(toy, capsys):
    toy()
    assert "so far" not in capsys.readouterr().out
    toy()
    assert capsys.readouterr().out.splitlines()[0].endswith("run, 4 rows so far")


@pytest.mark.parametrize("moment", ["minimal.py:smoke in", "teacher 0: step 0 of 20"])
def test_ctrl_c_ends_the_process_with_one_line_wherever_it_is(tmp_path, moment):
    command = [sys.executable, "-X", "dev", "-m", "experiments.main"]
    command += [f"--config={ROOT / 'configs/minimal.py'}:smoke"]
    command += [f"--workdir={tmp_path}"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        said = iter(process.stdout.readline, "")
        assert any(moment in line for line in said)
        process.send_signal(signal.SIGINT)
        rest = [line for line in said if " 0: " not in line]
    assert process.returncode == 130
    assert rest == ["stopped; the same command goes on from here\n"]


PROGRAMS = """
import os, sys
from experiments.main import keep_programs
keep_programs()
import jax
print(jax.config.jax_compilation_cache_dir)
"""


@pytest.mark.parametrize("said", [None, "/somewhere/else"])
def test_programs_are_kept_where_the_variable_says_or_in_the_users_cache(
    tmp_path, said
):
    names = ("JAX_COMPILATION_CACHE_DIR", "JDISTILL_CACHE")
    given = {k: v for k, v in os.environ.items() if k not in names}
    given |= {"HOME": str(tmp_path), **({} if said is None else {names[0]: said})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS],
        cwd=ROOT, env=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    place = done.stdout.strip()
    assert place == said or place.startswith(f"{tmp_path}/.cache/jdistill/jax-")


def test_without_the_packages_of_experiments_one_line_names_the_extra(
    toy, monkeypatch, capsys
):
    monkeypatch.delitem(sys.modules, "experiments.tools.flags")
    monkeypatch.setitem(sys.modules, "ml_collections", None)
    assert toy() == 2
    said = "experiments needs ml-collections: pip install 'jdistill[experiments]'"
    assert capsys.readouterr().err == f"error: {said}\n"


def test_rows_of_one_identity_are_written_once(tmp_path):
    append = open_rows(tmp_path / "rows.jsonl", ("stage", "fold"))
    assert append({"stage": "a", "fold": 0, "accuracy": 1})
    assert not append({"stage": "a", "fold": 0, "accuracy": 2})
    assert append({"stage": "a"})
    assert not append({"stage": "a", "fold": None})
    again = open_rows(tmp_path / "rows.jsonl", ("stage", "fold"))
    assert not again({"stage": "a", "fold": 0})
    assert [r.get("accuracy") for r in read_rows(tmp_path / "rows.jsonl")] == [1, None]


def test_a_whole_last_line_without_its_end_is_written_again(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"n": 1}\n{"n": 2}')
    append = open_rows(file, ("n",))
    assert file.read_text() == '{"n": 1}\n'
    assert append({"n": 2})
    assert not append({"n": 1})


def test_a_broken_line_amid_the_rows_is_named_and_nothing_is_lost(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"n": 1}\n{"n": \n{"n": 3}\n')
    with pytest.raises(ValueError, match="line 2, is not JSON"):
        open_rows(file, ("n",))
    assert file.read_text() == '{"n": 1}\n{"n": \n{"n": 3}\n'


def test_arrays_become_lists_and_what_is_not_finite_becomes_null(tmp_path):
    import jax.numpy as jnp
    import numpy as np

    append = open_rows(tmp_path / "rows.jsonl", ("fold",))
    row = {"fold": np.int64(1), "a": jnp.arange(2), "b": [np.float32("nan")], "c": "é"}
    assert append(row)
    assert not append({"fold": 1})
    text = (tmp_path / "rows.jsonl").read_text()
    assert json.loads(text) == {"fold": 1, "a": [0, 1], "b": [None], "c": "é"}


def test_kill_9_between_rows_loses_no_row_and_doubles_none(tmp_path):
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from experiments.tools.rows import open_rows
        append = open_rows(sys.argv[1], ("n",))
        for n in range(10**6):
            if append({{"n": n, "text": "x" * 2000}}):
                print(n, flush=True)
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "rows.jsonl")]
    told = []
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _, line in zip(range(20), process.stdout, strict=False):
                told.append(int(line))
            process.send_signal(signal.SIGKILL)
    open_rows(tmp_path / "rows.jsonl", ("n",))
    numbers = [row["n"] for row in read_rows(tmp_path / "rows.jsonl")]
    assert numbers == list(range(len(numbers)))
    assert set(told) <= set(numbers)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--list", "stray"], "--list stands alone"),
        (["--help", "--config=/etc/passwd"], "is no Python"),
        (["--help", "--config=nowhere.py"], "there is no file"),
        (["--config=a\0b", "--workdir=x"], "null byte"),
        ([f"--config={ROOT}/configs/minimal.py", "--workdir=a\0b"], "no name of a f"),
    ],
)
def test_odd_command_lines_are_one_line(arguments, said, capsys):
    assert main(["main", *arguments]) == 2
    line = capsys.readouterr().err
    assert said in line and line.count("\n") == 1
