"""The examples of the pages run, in the order of the page and in one namespace."""

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


def test_the_examples_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    demo, *rest = blocks(ROOT / "README.md")
    assert "demo/student.safetensors" in demo, "it needs what `make demo` makes"
    seen: dict = {"__name__": "readme"}
    exec(compile("\n".join(rest), "README.md", "exec"), seen)
    teacher, student = seen["rows"]
    assert min(teacher["accuracy"], student["accuracy"]) > 0.93
    files = {p.name: p.stat().st_size for p in tmp_path.iterdir()}
    assert files["digits.safetensors"] == student["bytes"] < teacher["bytes"] / 40
    assert "own.safetensors" in files
    kept = seen["jd"].unpack("own.safetensors").params["w"]
    assert int((kept != 0).sum()) == 2


def test_the_readme_leads_to_pages_that_are_there():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), target


def test_the_contents_list_every_page():
    listed = re.findall(r"^- \[[^]]+\]\((\w+)\.md\): .+\.$", index(), re.MULTILINE)
    assert sorted(listed) == sorted(set(PAGES) - {"index"})


@pytest.mark.parametrize("name", PAGES)
def test_links_between_the_pages_lead_somewhere(name):
    for target in re.findall(r"\]\((?!http)([^)#]+)", PAGES[name].read_text()):
        assert (PAGES[name].parent / target).exists(), target


def index():
    return PAGES["index"].read_text()
