"""The examples of the pages run, in the order of the page and in one namespace."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PAGES = {page.stem: page for page in sorted((ROOT / "docs").glob("*.md"))}


def code(page):
    """The Python blocks of a page, each on the line where it stands there."""
    lines, inside = [], False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines)


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M)


@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if code(page).strip()]
)
def test_the_examples_of_a_page_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code(PAGES[name]), str(PAGES[name]), "exec"), {"__name__": name})
    assert not list(tmp_path.iterdir()), "an example writes to a folder of its own"


def test_the_first_session_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first = blocks(ROOT / "README.md")[1]
    assert len([line for line in first.splitlines() if line]) <= 15
    exec(compile(first, "README.md", "exec"), {"__name__": "readme"})
    size, _, figures = capsys.readouterr().out.split(maxsplit=2)
    assert int(size) == (tmp_path / "student.safetensors").stat().st_size < 5000
    assert ast.literal_eval(figures)["accuracy"] > 0.93


def test_the_contents_list_every_page():
    listed = re.findall(r"^- \[[^]]+\]\((\w+)\.md\): .+\.$", index(), re.MULTILINE)
    assert sorted(listed) == sorted(set(PAGES) - {"index"})


@pytest.mark.parametrize("name", PAGES)
def test_links_between_the_pages_lead_somewhere(name):
    for target in re.findall(r"\]\((?!http)([^)#]+)", PAGES[name].read_text()):
        assert (PAGES[name].parent / target).exists(), target


def index():
    return PAGES["index"].read_text()
