"""The rules of docs/design.md section 7 that a program can check."""

import ast
import importlib
import inspect
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SOURCES = sorted((ROOT / "jdistill").rglob("*.py"))
SCRIPTS = [
    path
    for folder in ("benchmarks", "configs", "experiments")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
CONFIGS = sorted((ROOT / "configs").rglob("*.py"))
NAMESPACES = [
    name
    for name in (
        "artifact",
        "build",
        "compress",
        "data",
        "evaluate",
        "language",
        "losses",
        "metrics",
        "models",
        "models.formats",
        "models.transformers",
        "objective",
        "ops",
        "predictor",
        "projections",
        "report",
        "schedules",
        "tokenizers",
        "train",
    )
    if (ROOT / "jdistill" / name.replace(".", "/") / "__init__.py").exists()
    or (ROOT / "jdistill" / f"{name}.py").exists()
]
PAGES = {
    "build": "experiments",
    "evaluate": "metrics",
    "models.formats": "models",
    "models.transformers": "models",
    "objective": "losses",
    "predictor": "artifact",
    "schedules": "losses",
}
DATA = {  # what may be left out and yet is no option: data, or half of a model
    ("artifact", "pack", "state"),
    ("build", "build", "kind"),  # what is asked for
    ("models", "from_function", "init"),  # a model is apply and init, as in `Model`
    ("ops", "dequantize", "zero"),
    ("report", "html", "curves"),
    ("report", "show", "curves"),
    ("train", "data_mesh", "devices"),
    ("train", "progress", "name"),  # of what is shown
    ("train", "shardings", "rules"),
}
FORBIDDEN_FILES = {"utils", "common", "misc", "helpers"}
MAX_LINES = 300
MAX_FUNCTION_LINES = 60


def public(namespace):
    """The public functions of a namespace by name."""
    module = importlib.import_module(f"jdistill.{namespace}")
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    names = getattr(module, "__all__", own)
    members = {name: getattr(module, name) for name in names}
    return {n: f for n, f in members.items() if inspect.isfunction(inspect.unwrap(f))}


NAMES = [
    (namespace, name)
    for namespace in NAMESPACES
    for name in getattr(
        importlib.import_module(f"jdistill.{namespace}"), "__all__", public(namespace)
    )
]
FUNCTIONS = [
    pytest.param(namespace, name, function, id=f"{namespace}.{name}")
    for namespace in NAMESPACES
    for name, function in public(namespace).items()
]
each_function = pytest.mark.parametrize(("namespace", "name", "function"), FUNCTIONS)
each_source = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: str(path.relative_to(ROOT))
)


def test_there_is_something_to_check():
    names = {(case.values[0], case.values[1]) for case in FUNCTIONS}
    assert ("losses", "kl") in names and ("schedules", "cubic") in names
    assert ("metrics", "accuracy") in names and ("ops", "quantize") in names


@each_function
def test_a_public_function_has_each_section_of_the_docstring(namespace, name, function):
    plain = inspect.unwrap(function)
    text = inspect.getdoc(plain) or ""
    wanted = ["Returns:", "Example:"]
    if inspect.signature(plain).parameters:
        wanted.append("Args:")
    if re.search(r"^    raise ", inspect.getsource(plain), re.MULTILINE):
        wanted.append("Raises:")
    missing = [section for section in wanted if f"\n{section}\n" not in text]
    assert not missing, f"{namespace}.{name} has no {missing}"
    assert text.split("\n")[0].endswith("."), "the first line is one sentence"
    assert ">>> " in text, "the example is a doctest"


BRITISH = re.compile(
    r"(optimis|normalis|quantis|standardis|tokenis|initialis|summaris|generalis|"
    r"regularis|labell|colour|behaviour|centre|neighbour)"
)


@pytest.mark.parametrize(("namespace", "name"), NAMES)
def test_public_names_are_spelt_the_american_way(namespace, name):
    """As those of JAX, optax and the papers are."""
    member = getattr(importlib.import_module(f"jdistill.{namespace}"), name)
    names = [name, *getattr(member, "_fields", ())]
    if callable(member):
        names += inspect.signature(member).parameters
    assert not [one for one in names if BRITISH.search(one.lower())]


@each_function
def test_each_argument_is_described(namespace, name, function):
    plain = inspect.unwrap(function)
    described = set(re.findall(r"^    \**(\w+):", inspect.getdoc(plain) or "", re.M))
    assert set(inspect.signature(plain).parameters) <= described


@each_function
def test_a_public_function_has_types_and_names_its_options(namespace, name, function):
    signature = inspect.signature(inspect.unwrap(function))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        is_option = parameter.default is not inspect.Parameter.empty
        if is_option and (namespace, name, parameter.name) not in DATA:
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, parameter.name


@pytest.mark.parametrize(("namespace", "name"), NAMES)
def test_a_public_name_is_in_the_docs(namespace, name):
    page = ROOT / "docs" / f"{PAGES.get(namespace, namespace)}.md"
    code = "\n".join(re.findall(r"`+[^`]+`+", page.read_text()))
    assert re.search(rf"\b{name}\b", code), f"not in {page.name}"


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_has_a_page_of_the_reference(namespace):
    made = (ROOT / "docs" / "site" / "reference.py").read_text()
    assert f'"{namespace}"' in made.partition("NAME = ")[0]


@each_source
def test_a_source_file_with_public_names_has_its_test_file(path):
    """What a file keeps inside its folder is tested through the public names."""
    inside = path.relative_to(ROOT / "jdistill")
    types = inside.parts[0] == "typing"
    if types or inside.name == "__init__.py" or not _is_public(path):
        return
    test = ROOT / "tests" / inside.parent / f"test_{inside.stem.strip('_')}.py"
    assert test.exists(), f"{inside} needs {test.relative_to(ROOT)}"


def imports(path):
    """The dotted names that a file imports, each with what it takes of it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(
    "path", SOURCES + SCRIPTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_private_module_stays_in_its_folder_and_those_within(path):
    here = ".".join((*path.relative_to(ROOT).parent.parts, ""))
    for name in imports(path):
        parts = name.split(".")
        private = [i for i, part in enumerate(parts[:-1]) if re.match("_[a-z]", part)]
        if parts[0] in ("jdistill", "experiments", "configs") and private:
            assert here.startswith(".".join((*parts[: private[0]], ""))), name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_imports_nothing_from_experiments(path):
    assert not [name for name in imports(path) if name.startswith("experiments")]


@pytest.mark.parametrize(
    "path", SOURCES + SCRIPTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_is_short_and_its_functions_are(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert path.stem.strip("_") not in FORBIDDEN_FILES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - _first_line(node) + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name}: {lines} lines"


@each_source
def test_a_file_imports_at_the_top_and_keeps_its_annotations(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module says what it holds"
    assert "from __future__ import annotations" not in path.read_text()
    for node in ast.walk(tree):
        is_print = isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
        assert not is_print, f"line {node.lineno} prints"


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_public_names_are_sorted_and_exist(namespace):
    module = importlib.import_module(f"jdistill.{namespace}")
    names = list(getattr(module, "__all__", []))
    assert names == sorted(names)
    assert all(hasattr(module, name) for name in names)


def _is_public(path):
    """Whether a file is a namespace, or its folder's has functions from it."""
    if not path.stem.startswith("_"):
        return True
    namespace = ".".join(path.relative_to(ROOT / "jdistill").parent.parts)
    own = f"jdistill.{namespace}.{path.stem}"
    return own in {function.__module__ for function in public(namespace).values()}


def _first_line(node):
    """The first line after the docstring."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return first.end_lineno + 1 if documented else node.lineno
