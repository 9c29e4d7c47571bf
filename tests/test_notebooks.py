"""Notebooks run, their plots have names, and their outputs are of their cells."""

import ast
import json
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jdistill as jd

plots = pytest.importorskip("matplotlib.pyplot", reason="the extra 'report' is needed")

ROOT = pathlib.Path(__file__).parent.parent
SOURCES = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
LARGEST = 300_000
TRACED = {"every_loss", "small_language_model"}
"""Those whose recipes take long to compile."""
SLOW = "small_language_model"
RUN = [pytest.param(n, marks=[pytest.mark.slow] * (n == SLOW)) for n in SOURCES]
each = pytest.mark.parametrize("name", SOURCES)


def cells(source):
    """Kind and text of each cell of the percent format, without jupytext."""
    parts = re.split(r"^# %%(.*)\n", source, flags=re.MULTILINE)
    assert not parts[0].strip(), "text before the first cell"
    for mark, text in zip(parts[1::2], parts[2::2], strict=True):
        if mark == " [markdown]":
            assert all(line[:1] in ("#", "") for line in text.splitlines())
            yield "markdown", re.sub(r"^# ?", "", text, flags=re.MULTILINE).strip()
        else:
            assert mark == "", f"an unknown kind of cell: {mark}"
            yield "code", text.strip()


def execute(text, names, place):
    """Runs a cell as a kernel does: the last expression is shown."""
    body = ast.parse(text).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), place, "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), place, "eval"), names)
        shown = getattr(value, "_repr_html_", value.__repr__)
        assert value is None or isinstance(shown(), str)


def drawn():
    """What `show` does here: draws all figures, and sees that axes have names."""
    for number in plots.get_fignums():
        figure = plots.figure(number)
        figure.canvas.draw()
        named = [ax for ax in figure.axes if ax.axison]
        assert all(ax.get_xlabel() or ax.get_ylabel() for ax in named)
        assert not named or any(ax.get_xlabel() for ax in named)
        assert not named or any(ax.get_ylabel() for ax in named)
    plots.close("all")


def traced(learner, split, *, key, frozen=None, **_):
    """A run as far as shapes tell, and a state of those shapes."""

    def step(state, batch):
        return learner.step(state, learner.teach(batch, frozen), frozen)

    def filled(x):
        is_key = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
        return key if is_key else jnp.full(x.shape, 0.1, x.dtype)

    batch = split.take(np.arange(8))
    state = jax.eval_shape(learner.init, key, batch, frozen)
    jax.eval_shape(step, state, batch)
    return jax.tree.map(filled, state)


@pytest.mark.parametrize("name", RUN)
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEPS", "2")
    monkeypatch.setattr(plots, "show", drawn)
    if name in TRACED:
        monkeypatch.setattr(jd, "run", traced)
    names = {"__name__": name}
    for number, (kind, text) in enumerate(cells(SOURCES[name].read_text())):
        if kind == "code":
            execute(text, names, f"{name}.py, cell {number}")
    assert names["STEPS"] == 2, "one line reads the number of steps"
    assert not plots.get_fignums(), "a figure is made and not shown"
    assert not list(tmp_path.iterdir()), "a notebook writes to a folder of its own"


@each
def test_a_notebook_has_the_cells_of_its_source(name):
    stored = notebook(name)["cells"]
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in stored]
    assert found == [*cells(SOURCES[name].read_text())], "run make notebooks"


@each
def test_a_notebook_was_executed_and_keeps_no_trace_of_a_machine(name):
    path = SOURCES[name].with_suffix(".ipynb")
    stored = notebook(name)
    counts = [cell.get("execution_count") for cell in stored["cells"]]
    run = [count for count in counts if count is not None]
    assert run == [*range(1, len(run) + 1)] and run, "executed from top to bottom"
    assert path.stat().st_size < LARGEST
    text = path.read_text()
    assert not re.search(r"/(home|root|tmp|work|Users)/|iopub|\"stderr\"", text)
    outputs = [o for cell in stored["cells"] for o in cell.get("outputs", ())]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert any("image/png" in o.get("data", {}) for o in outputs)


@each
def test_a_notebook_is_short_cells_with_words_before_them(name):
    kinds = [kind for kind, _ in cells(SOURCES[name].read_text())]
    assert kinds[:2] == ["markdown", "code"] and kinds[-1] == "markdown"
    for kind, text in cells(SOURCES[name].read_text()):
        assert kind == "markdown" or len(text.splitlines()) <= 40
    assert kinds.count("markdown") * 2 >= kinds.count("code")


def test_the_page_lists_each_notebook():
    page = (ROOT / "docs" / "notebooks.md").read_text()
    listed = set(re.findall(r"\]\(\.\./notebooks/(\w+)\.ipynb\)", page))
    assert listed == set(SOURCES)
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == set(SOURCES)


def notebook(name):
    return json.loads(SOURCES[name].with_suffix(".ipynb").read_text())
