"""Columns of tables that hold sentences are never as narrow as a word.

A table that is wider than the page scrolls; what it must not do is stand a sentence
on end beside a long name. The class 'long' is for `static/style.css`.
"""

from docutils import nodes
from sphinx.transforms import SphinxTransform

LONG = 30
"""Characters from which a cell is a sentence, or as wide as one."""


class Columns(SphinxTransform):
    """Gives the cells of each column with a long text the class 'long'."""

    default_priority = 850

    def apply(self, **kwargs) -> None:
        """Marks the tables of a page."""
        for table in self.document.findall(nodes.tgroup):
            rows = [row.children for row in table.findall(nodes.row)]
            for column in zip(*rows, strict=False):
                if max(len(cell.astext()) for cell in column) >= LONG:
                    for cell in column:
                        cell["classes"].append("long")


def setup(app) -> dict:
    """Registers the transform."""
    app.add_transform(Columns)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
