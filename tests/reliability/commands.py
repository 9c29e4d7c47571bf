"""Bad command lines: `python -m tests.reliability.commands [SHARE]`, a row of JSON.

Every configuration is spoilt in many ways. A line that is bad must end with exit code
2 and one line on standard error, before anything is trained.
"""

import contextlib
import functools
import importlib
import importlib.util
import io
import json
import os
import pathlib
import sys
import tempfile
import warnings
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments import main as experiments_main
from jdistill import data, train
from jdistill.typing import DataSet
from tests.reliability.tally import Outcome, main, tally

ROOT = pathlib.Path(__file__).parents[2]
CONFIGS = sorted(p.stem for p in (ROOT / "configs").glob("*.py"))
WRAPPER = """
import copy, importlib, json, os, sys
sys.path.insert(0, {root!r})

def get_config(arg):
    stem, changes = arg.split(":", 1)
    c = importlib.import_module("configs." + stem).get_config("smoke").to_dict()
    c = copy.deepcopy(c)  # what lists hold is the module's own
    for path, value in json.loads(changes):
        *way, last = path.split("/")
        node = c
        for key in way:
            node = node[int(key) if isinstance(node, (list, tuple)) else key]
        if value == "DELETED":
            del node[last]
        else:
            node[last] = value
    import ml_collections
    return ml_collections.ConfigDict(c)
"""
COUNTS = (
    *("batch_size", "eval_batch", "eval_every", "save_every", "num_steps", "epochs"),
    *("width", "depth", "dim", "heads", "min_users", "examples", "test_examples"),
)
RATES = ("learning_rate", "clip_norm", "max_norm")
NEEDED = ("tx", "loss", "on", "model", "learning_rate", "terms", "target")
OPTIONAL = ("devices", "idf_gates", "baseline", "teacher_half", "equal_bytes")


class Case(NamedTuple):
    """A command line: what is wrong, its arguments, what is in the folder.

    `good` is one with nothing wrong, without which the others would show nothing;
    `bare` is one that is given no folder.
    """

    what: str
    arguments: list[str]
    files: dict[str, bytes]
    good: bool = False
    bare: bool = False


def images(dataset: str, *, fold: int = 0, **_: Any) -> Any:
    """Noise in the form of MNIST, so that no archive is needed."""
    if dataset != "mnist" or fold:
        raise ValueError(f"no data set {dataset!r}, fold {fold}")
    rng = np.random.default_rng(0)
    parts = [
        data.in_memory(
            {
                "inputs": rng.normal(size=(size, 28, 28, 1)).astype(np.float32),
                "label": np.arange(size) % 10,
            },
            classes=tuple("0123456789"),
            name=name,
        )
        for name, size in (("train", 2000), ("valid", 200), ("test", 300))
    ]
    return DataSet(*parts, prepare=lambda x: x)


class Began(BaseException):
    """Training began."""


def cases(folder: pathlib.Path) -> Iterator[Case]:
    """Every bad command line that there is."""
    (folder / "wrap.py").write_text(WRAPPER.format(root=str(ROOT)))
    for stem in CONFIGS:
        config = importlib.import_module(f"configs.{stem}").get_config("smoke")
        yield from _lines(stem)
        if absent(config.to_dict()):
            continue
        for what, changes in spoilt(config.to_dict()):
            argument = f"--config={folder}/wrap.py:{stem}:{json.dumps(changes)}"
            yield Case(f"{stem} {what}", [argument], {})
        whole = f"--config={folder}/wrap.py:{stem}:[]"
        yield Case(f"{stem} as it is", [whole], {}, good=True)
        yield from _later(stem, config.to_dict())
    yield from _parts(folder)
    yield from _files(folder)
    yield from _folders()


WRONG = {
    **dict.fromkeys(COUNTS, (0, -1, 10**12, 2.5, "many")),
    **dict.fromkeys(RATES, (-1.0, 0.0, float("nan"), "fast")),
    **dict.fromkeys(("name", "loss", "on"), ("nonesuch",)),
    **dict.fromkeys(("where", "frozen"), ("(",)),
    "temperature": (0.0, -1.0, float("nan")),
}
"""Values that a key must not have."""


def spoilt(config: dict[str, Any]) -> Iterator[tuple[str, list]]:
    """Changes to a configuration, each of which makes it impossible."""
    for key in config:
        if key not in (*OPTIONAL, "experiment"):
            yield f"without {key}", [(key, "DELETED")]
            yield f"{key} of another kind", [(key, {"is": "wrong"})]
    for other in ("pipeline", "losses", "ctc", "recommend", "hinton2015"):
        if other != config["experiment"]:
            yield f"as {other}", [("experiment", other)]
    # where networks have names, a stage without one is of the student, and one without
    # an optimiser has the configuration's
    needed = {*NEEDED} - ({"model", "tx"} if "networks" in config else set())
    for path, value in _leaves(config):
        # of these a stage without an optimiser has that of all
        own = {"tx"} if config["experiment"] == "teachers" and "/" in path else set()
        yield from _spoilt_leaf(path, value, needed - own)


def _spoilt_leaf(
    path: str, value: Any, needed: Collection[str]
) -> Iterator[tuple[str, list]]:
    way = path.split("/")
    if way == ["name"]:  # what rows call the model
        return
    called = way[-1] == "name" and way[-2].isdigit()  # a stage, as one likes
    for wrong in () if called else WRONG.get(way[-1], ()):
        if not isinstance(value, dict):
            yield f"{path} = {wrong}", [(path, wrong)]
    if way[-1] == "name" and way[-2] != "tx":
        yield f"{path} with a stray", [(f"{path[:-4]}nonsense", 1)]
    if way[-1] in needed:
        yield f"without {path}", [(path, "DELETED")]


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items: Any = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list | tuple) and node and isinstance(node[0], dict):
        items = enumerate(node)
    for key, value in items:
        here = f"{path}/{key}".removeprefix("/")
        yield here, value
        yield from _leaves(value, here)


def _lines(stem: str) -> Iterator[Case]:
    file = f"--config={ROOT}/configs/{stem}.py"
    for more in ("--config.nonesuch=1", "--config.experiment=tpy", "stray", "--wrk=x",
                 "--config.batch_size=many", "--config.batch_size.x=1"):  # fmt: skip
        yield Case(f"{stem} {more}", [f"{file}:smoke", more], {})
    yield Case(f"{stem} smok", [f"{file}:smok"], {})
    for more in ("--seeds=", "--seeds=one", "--seeds=1,1", "--seeds=1,,2",
                 "--sweep=nonesuch=1,2", "--sweep=experiment=ctc,losses", "--sweep=",
                 "--sweep=x", "--sweep==1,2", "--traceback=1"):  # fmt: skip
        yield Case(f"{stem} {more}", [f"{file}:smoke", more], {})


def absent(config: dict[str, Any]) -> bool:
    """Whether the package with the weights is missing: every run is refused for that.

    Example:
        >>> absent({"model": "no_such_package:*.gguf"}), absent({"model": {}})
        (True, False)
    """
    package, colon, _ = str(config.get("model")).partition(":")
    named = isinstance(config.get("model"), str) and bool(colon)
    return named and importlib.util.find_spec(package) is None


def _later(stem: str, config: dict[str, Any]) -> Iterator[Case]:
    """Several runs, of which the second is impossible."""
    file = f"--config={ROOT}/configs/{stem}.py:smoke"
    for key in {"batch_size", "num_steps", "eval_batch", "epochs"} & config.keys():
        for wrong in (0, -3):
            more = f"--sweep={key}={config[key]},{wrong}"
            yield Case(f"{stem} {more}", [file, more], {})


def _parts(folder: pathlib.Path) -> Iterator[Case]:
    """What stands in the place of a run: a comparison, a list, help."""
    rows = {
        "no JSON": b"{",
        "a number": b"5",
        "a stage of numbers": b'{"stage": 5, "realised": "dense", "accuracy": 0.5}',
        "a fold of lists": b'{"stage": "a", "realised": "dense", "accuracy": 0.5, '
        b'"fold": [1]}',
        "bytes of words": b'{"stage": "a", "realised": "dense", "accuracy": 0.5, '
        b'"bytes": "many"}',
        "an accuracy of words": b'{"stage": "a", "realised": "dense", '
        b'"accuracy": "high"}',
        "no word": b'{"stage": "a", "accuracy": 0.5}',
    }
    for number, (what, line) in enumerate(rows.items()):
        place = folder / f"rows{number}"
        place.mkdir()
        (place / "rows.jsonl").write_bytes(line + b"\n")
        both = ["compare", str(place), str(place)]
        yield Case(f"compare rows of {what}", both, {}, bare=True)
    (folder / "nothing").mkdir()
    nothing = str(folder / "nothing")
    for more in ([], [nothing], [nothing] * 3, [nothing] * 2, ["nowhere"] * 2,
                 ["a\0b", nothing], ["--x", nothing]):  # fmt: skip
        yield Case(f"compare {more}", ["compare", *more], {}, bare=True)
    for more in (["--list", "stray"], ["--list", "--nonesuch"], ["--list=5"], ["--lst"],
                 ["compar", "a", "b"], [], ["--help=3"], ["--help", "--config=nowhere"],
                 ["--help", f"--config={folder}/nothing"]):  # fmt: skip
        yield Case(f"alone {more}", more, {}, bare=True)


def _files(folder: pathlib.Path) -> Iterator[Case]:
    texts = {
        "raises": "def get_config(arg=''):\n    raise {}\n",
        "ends": "import sys\nsys.exit(3)\n",
        "no syntax": "def get_config(:\n",
        "no function": "x = 1\n",
        "no module": "import nonesuch\n",
        "None": "def get_config(arg=''):\n    return None\n",
        "a dictionary": "def get_config(arg=''):\n    return {}\n",
        "recursion": "def get_config(arg=''):\n    return get_config(arg)\n",
        "empty": "",
        "binary": "\x00\x01",
    }
    kinds = ("ValueError('no')", "KeyError('k')", "OSError(5, 'io')", "SystemExit(0)",
             "RuntimeError('a\\nb')", "StopIteration", "AssertionError")  # fmt: skip
    for number, (what, text) in enumerate(texts.items()):
        for kind in kinds if what == "raises" else ("",):
            file = folder / f"file{number}_{kind[:4]}.py"
            file.write_text(text.format(kind) if what == "raises" else text)
            yield Case(f"a file of {what} {kind}", [f"--config={file}"], {})
    for place in ("nowhere.py", ".", "../../etc/passwd"):
        yield Case(f"config {place}", [f"--config={folder / place}"], {})


def _folders() -> Iterator[Case]:
    digits = [f"--config={ROOT}/configs/digits.py:smoke"]
    texts = (b"", b"{", b"null", b"5", b"[]", b"\xff\xfe", b'"x"', b"{}", b"[" * 99999)
    for text in texts:
        yield Case(f"config.json {text[:9]!r}", digits, {"config.json": text, "x": b""})
    whole = json.dumps(_config("digits")).encode()
    for line in (b"5", b"null", b"[]", b"{", b"\xff", b'"x"', b"[" * 99999):
        for name in ("rows.jsonl", "curves.jsonl"):
            files = {"config.json": whole, name: line + b"\n"}
            yield Case(f"{name} {line[:9]!r}", digits, files)
    yield Case("rows without a config", digits, {"rows.jsonl": b"{}\n"})
    yield Case("curves without a config", digits, {"curves.jsonl": b"{}\n"})
    yield Case("a file for a folder", digits, {"": b"text"})
    yield Case("config.json a folder", digits, {"config.json/x": b""})
    yield Case("lock a folder", digits, {"lock/x": b""})


def _config(stem: str) -> dict[str, Any]:
    config = importlib.import_module(f"configs.{stem}").get_config("smoke").to_dict()
    return json.loads(json.dumps(config))


def outcome(case: Case, workdir: pathlib.Path) -> tuple[str, str]:
    """How a command line ended, and what it said.

    'right', 'began' (a good one), 'silent' (exit 0), 'late' (training began),
    'traceback' or 'lines'; 'refused' is a good one that was.
    """
    for name, content in case.files.items():
        file = workdir / name if name else workdir
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    said = io.StringIO()

    def begin(*_, **__):
        raise Began

    kept = train.run, data.tfds
    train.run = begin
    data.tfds = functools.wraps(data.tfds)(images)
    try:
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            place = [] if case.bare else [f"--workdir={workdir}"]
            code = experiments_main.main(["main", *case.arguments, *place])
    except Began:
        return "began" if case.good else "late", ""
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        train.run, data.tfds = kept
    line = said.getvalue()
    right = code == 2 and line.count("\n") == 1
    if case.good:
        return "refused", line
    return "right" if right else "silent" if code == 0 else "lines", line


def run(share: int = 1) -> tuple[dict[str, Any], list[Outcome]]:
    """The row of every `share`-th case, and the cases that ended otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        found = tally(_outcomes(pathlib.Path(folder), share), ("right", "began"))
    counts = found.counts
    row = {
        "harness": "command lines",
        "tried": counts.total() - counts["began"] - counts["refused"],
        "tracebacks": counts["traceback"],
        "silent": counts["silent"],
        "after training began": counts["late"],
        "not one line": counts["lines"],
        "good ones refused": counts["refused"],
        "seconds": found.seconds,
    }
    return row, found.wrong


def _outcomes(home: pathlib.Path, share: int) -> Iterator[Outcome]:
    for number, case in enumerate(list(cases(home))[::share]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            how, said = outcome(case, home / f"run{number}")
        if os.environ.get("SHOW"):
            print(how, case.what, said.strip(), file=sys.stderr, flush=True)
        yield how, case.what, said


if __name__ == "__main__":
    sys.exit(main(run))
