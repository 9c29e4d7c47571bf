"""How notebooks are written; that they run is seen by `tests/test_notebooks.py`."""

import json

import pytest

for name in ("jupytext", "nbclient", "ipykernel"):
    pytest.importorskip(name, reason="the extra 'notebooks' is needed")
notebooks = pytest.importorskip("experiments.notebooks")

SOURCE = "# %% [markdown]\n# # Sums\n\n# %%\nprint(1 + 1)\n\n# %%\n3\n"


def test_a_source_gives_the_same_cells_each_time():
    first, second = notebooks.read(SOURCE), notebooks.read(SOURCE)
    assert first == second
    found = [(cell.id, cell.cell_type, cell.source) for cell in first.cells]
    assert found == [
        ("cell-0", "markdown", "# Sums"),
        ("cell-1", "code", "print(1 + 1)"),
        ("cell-2", "code", "3"),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_notebook_keeps_what_its_cells_show_and_nothing_of_the_machine():
    made = notebooks.executed(notebooks.read(SOURCE))
    assert made.cells[1].outputs[0]["text"] == "2\n"
    assert made.cells[2].outputs[0]["data"]["text/plain"] == "3"
    assert set(made.metadata) == {"kernelspec"}
    assert all(not cell.metadata for cell in made.cells)
    assert json.loads(json.dumps(made)) == made
