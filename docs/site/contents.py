"""The contents of the site, from the lists of `index.md`; pages from outside `docs`."""

import pathlib
import re

ENTRY = re.compile(r"^- \[[^]]+\]\((\w+)\.md\)", re.MULTILINE)
OUTSIDE = {
    "README.md": "project/readme",
    "CONTRIBUTING.md": "project/contributing",
    "CHANGELOG.md": "project/changelog",
}
"""Pages of the repository's root, and where they are in the site."""
NOTEBOOKS = "notebooks"
"""Their folder in the repository and in the site, and the page that lists them."""


def entries(index: str) -> dict[str, list[str]]:
    r"""The pages by the heading that they are listed under.

    Example:
        >>> entries('# All\n\n## Guides\n\n- [Data](data.md): sets.\n')
        {'Guides': ['data']}
    """
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)[1:]
    found = zip(parts[::2], map(ENTRY.findall, parts[1::2]), strict=True)
    return {title: names for title, names in found if names}


def tree(title: str, names: list[str]) -> str:
    """A hidden table of contents, which the site shows at its side."""
    caption = [f":caption: {title}"] if title else []
    return "\n".join(["", "```{toctree}", ":hidden:", *caption, "", *names, "```", ""])


def moved(text: str) -> str:
    """A page of the root, with its links as they are from the site's folder for it.

    Example:
        >>> moved('[data](docs/data.md#sets), [how](CONTRIBUTING.md)')
        '[data](../data.md#sets), [how](contributing.md)'
        >>> moved('[one](configs/one.py)')
        '[one](../../configs/one.py)'
    """
    text = re.sub(r'(\]\(|src(?:set)?=")docs/', r"\1../", text)
    text = re.sub(r"\]\((configs/)", r"](../../\1", text)
    for name, place in OUTSIDE.items():
        text = text.replace(f"]({name}", f"]({pathlib.Path(place).name}.md")
    return text


def write(app) -> None:
    """Copies the pages of the root, and the notebooks, into the site's sources."""
    for name, place in OUTSIDE.items():
        page = pathlib.Path(app.srcdir, f"{place}.md")
        page.parent.mkdir(exist_ok=True)
        page.write_text(moved(pathlib.Path(app.srcdir, "..", name).read_text()))
    folder = pathlib.Path(app.srcdir, NOTEBOOKS)
    folder.mkdir(exist_ok=True)
    for path in pathlib.Path(app.srcdir, "..", NOTEBOOKS).glob("*.ipynb"):
        (folder / path.name).write_text(path.read_text().replace("](../docs/", "](../"))


def complete(app, name: str, source: list[str]) -> None:
    """Adds the contents to the first page, and leads links to the root's pages."""
    for page, place in OUTSIDE.items():
        source[0] = source[0].replace(f"](../{page}", f"]({place}.md")
    if name == NOTEBOOKS:
        source[0] = source[0].replace(f"](../{NOTEBOOKS}/", f"]({NOTEBOOKS}/")
        listed = re.findall(rf"]\(({NOTEBOOKS}/\w+)\.ipynb", source[0])
        source[0] += tree("", listed)
    if name == "index":
        found = entries(source[0])
        found["Reference"] = ["reference/index"]
        found["The project"] = [
            f"{pathlib.Path(name).stem.capitalize()} <{place}>"
            for name, place in OUTSIDE.items()
        ]
        source[0] += "".join(tree(*item) for item in found.items())


def setup(app) -> dict:
    """Registers both steps."""
    app.connect("builder-inited", write)
    app.connect("source-read", complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
