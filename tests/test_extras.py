"""What the package needs is what it imports; what an extra brings may be missing."""

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

from jdistill import extras

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]
NOT_IMPORTED = {
    "array-record": "tensorflow-datasets reads with it",
    "importlib-resources": "tensorflow-datasets needs it and does not say so",
}
OTHERS = {"IPython": "a notebook has it"}
DISTRIBUTIONS = importlib.metadata.packages_distributions()


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements):
    """The names of requirements, extras of the package itself unfolded."""
    found = set()
    for text in requirements:
        own = re.match(r"jdistill\[(.*)\]", text)
        if own:
            for extra in own[1].split(","):
                found |= named(OPTIONAL[extra])
        else:
            found.add(plain(re.match(r"[A-Za-z0-9_.-]+", text)[0]))
    return found


def imported(folder):
    """The packages of others that the files of a folder import, and when.

    Two sets: by an `import`, and by a call with the module's name.
    """
    always, asked = set(), set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                always |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                always.add(node.module)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "extras.needed",
                "importlib.import_module",
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    asked.add(first.value)
    own = {"jdistill", "experiments", "configs", *sys.stdlib_module_names}
    return tuple(
        {name.partition(".")[0] for name in names} - own for names in (always, asked)
    )


def packages(modules):
    """What is installed to have the modules."""
    given = {module: package for module, (package, _) in extras.EXTRAS.items()}
    return {
        plain(given.get(m) or DISTRIBUTIONS.get(m, [m])[0])
        for m in modules
        if m not in OTHERS
    }


def test_the_library_imports_its_dependencies_and_what_reports_draw_with():
    always, _ = imported("jdistill")
    wanted = named(PROJECT["dependencies"])
    assert packages(always) - {"matplotlib"} == wanted | {"jaxlib"} & packages(always)


def test_what_is_imported_when_it_is_needed_has_its_extra():
    _, asked = imported("jdistill")
    literal = {m for m in asked if m in extras.EXTRAS}
    assert packages(asked) <= named(PROJECT["dependencies"]) | {
        plain(package) for package, _ in extras.EXTRAS.values()
    }
    assert {"gguf", "tensorflow_datasets"} <= literal
    for package, extra in extras.EXTRAS.values():
        with_own = {plain(p) for p in named(OPTIONAL[extra])}
        assert any(name.startswith(plain(package)) for name in with_own), package


def test_experiments_need_the_library_and_their_extra_alone():
    wanted = named(PROJECT["dependencies"]) | named(OPTIONAL["experiments"])
    for folder in ("experiments", "configs"):
        always, _ = imported(folder)
        assert packages(always) <= wanted, folder


def test_no_extra_has_what_nothing_uses():
    used = set()
    for folder in ("jdistill", "experiments", "configs"):
        used |= packages(set().union(*imported(folder)))
    used |= {plain(package) for package, _ in extras.EXTRAS.values()}
    for extra in ("data", "report", "experiments", "gguf"):
        assert named(OPTIONAL[extra]) - used <= set(NOT_IMPORTED)


WITHOUT = """
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import jdistill as jd
for name in jd.__all__:
    getattr(jd, name)
for name in ("models.formats", "models.transformers", "predictor"):
    importlib.import_module(f"jdistill.{name}")
row = {"stage": "student", "realised": "dense", "accuracy": 0.5}
assert "50.00" in jd.report.markdown([row])
jd.report.table([row])
train = jd.data.Texts(("a b", "c d"), [0, 1], ("x", "y"))
for call in (
    lambda: jd.data.digits(),
    lambda: jd.data.tfidf_baseline(jd.data.Parts(train, train, train)),
    lambda: jd.data.tfds("mnist", data_dir="/nowhere"),
    lambda: jd.report.html([row]),
    lambda: jd.report.size_picture([row]),
):
    try:
        call()
    except ModuleNotFoundError as error:
        print(error)
"""


def test_without_any_extra_all_names_are_there_and_one_line_says_what_to_install():
    missing = [name for name in extras.EXTRAS if name != "absl"]  # optax brings it
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *missing],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "data.digits needs scikit-learn: pip install 'jdistill[data]'",
        "data.tfidf_baseline needs scikit-learn: pip install 'jdistill[data]'",
        "data.tfds needs tensorflow-datasets: pip install 'jdistill[data]'",
        "report.html needs matplotlib: pip install 'jdistill[report]'",
        "report.size_picture needs matplotlib: pip install 'jdistill[report]'",
    ]


def test_a_module_that_no_extra_brings_is_that_error():
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such'"):
        extras.needed("no_such", by="a test")
    assert extras.mend("a test", ModuleNotFoundError(name="no_such")) is None
