"""Runs the notebooks and writes them, with what they show, beside their sources.

    make notebooks

A source is a Python file in jupytext's percent format. The same source gives the same
file but for what it computes: cells are numbered, and nothing is kept of the machine or
of when it ran.
"""

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from jdistill import extras

ROOT = pathlib.Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
SECONDS = 900
"""The most that a cell may take."""


def read(source: str) -> Any:
    r"""The cells of a source, without outputs.

    Example:
        >>> read('# %% [markdown]\n# # Sums\n\n# %%\n1 + 1\n').cells[1].source
        '1 + 1'
    """
    jupytext, nbformat = _needed("jupytext"), _needed("nbformat")
    made = nbformat.from_dict(jupytext.reads(source, fmt="py:percent"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata = nbformat.from_dict({"kernelspec": kernel})
    for number, cell in enumerate(made.cells):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    return made


def executed(notebook: Any) -> Any:
    """The notebook with the outputs of its cells.

    Raises:
        CellExecutionError: a cell failed.
    """
    nbformat = _needed("nbformat")
    client = _needed("nbclient").NotebookClient(
        notebook,
        timeout=SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(ROOT)}},
    )
    made = client.execute()
    made.metadata.pop("language_info", None)  # the Python that ran it
    for cell in made.cells:
        cell.metadata = nbformat.from_dict({})
    return made


def _needed(module: str) -> Any:
    return extras.needed(module, by="make notebooks")


def main(names: Sequence[str]) -> None:
    """Writes the named notebooks, or all."""
    for path in sorted(FOLDER.glob("*.py")):
        if not names or path.stem in names:
            made = executed(read(path.read_text()))
            text = _needed("nbformat").writes(made)
            path.with_suffix(".ipynb").write_text(f"{text}\n")
            print(path.with_suffix(".ipynb").relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
