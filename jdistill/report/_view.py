"""What a reader looks at: text on a terminal, markup in a notebook."""

import dataclasses
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import rich.box
import rich.console
import rich.table
import rich.text

from jdistill.report._document import document
from jdistill.report._markup import text
from jdistill.words import visible


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class View:
    """Rows, and how they look: `print(view)` on a terminal, a cell of a notebook.

    * `rows`: what it is made of.
    * `draw(width)`: what rich shows on a terminal of so many characters a line.
    * `markup`: HTML of a part of a page; `page(title=)` is a whole one.
    """

    rows: Sequence[Mapping[str, Any]]
    draw: Callable[[int], rich.console.RenderableType]
    markup: str

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> Iterator[rich.console.RenderableType]:
        yield self.draw(options.max_width)

    def __str__(self) -> str:
        shown = io.StringIO()
        plain = {"color_system": None, "force_terminal": False, "force_jupyter": False}
        rich.console.Console(file=shown, **plain).print(self)
        lines = shown.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines).strip("\n")

    __repr__ = __str__

    def page(self, *, title: str = "jdistill") -> str:
        """A page of HTML of its own, light and dark, which loads nothing."""
        return document(title, f"<h1>{text(title)}</h1>", self.markup)

    def _repr_html_(self) -> str:
        """The same where no style sheet says how columns are aligned.

        What heads a part of a page is no heading of the notebook that it is in.
        """
        found = self.markup.replace(
            'class="text', 'style="text-align: left" class="text'
        )
        found = found.replace("<h2>", "<p><strong>")
        return found.replace("</h2>", "</strong></p>")


def line_of(text: str) -> rich.text.Text:
    r"""A line for a terminal: no markup, and nothing that steers the terminal.

    Example:
        >>> line_of('[red]a\x1b').plain
        '[red]a�'
    """
    return rich.text.Text(visible(" ".join(text.split("\n"))))


def lines_of(
    titles: Sequence[str],
    lines: Sequence[Sequence[str]],
    *,
    left: Sequence[str] = (),
    rule: int | None = None,
    styles: Sequence[str] | None = None,
) -> rich.table.Table:
    """A table for a terminal, in which names are no markup.

    Args:
        titles: of the columns.
        lines: the texts of each line.
        left: titles of columns that are aligned to the left.
        rule: the line that has a rule above it.
        styles: of each line's last cell.

    Returns:
        What rich shows.

    Example:
        >>> lines_of(['stage'], [['[b]']]).row_count
        1
    """
    shown = rich.table.Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for title in titles:
        justify = "left" if title in left else "right"
        shown.add_column(line_of(title), justify=justify, no_wrap=True)
    for i, line in enumerate(lines):
        cells = [line_of(cell) for cell in line]
        if styles:
            cells[-1].stylize(styles[i])
        shown.add_row(*cells, end_section=rule == i + 1)
    return shown


def fitting(
    titles: Sequence[str],
    lines: Sequence[Sequence[str]],
    ranks: Sequence[int],
    *,
    width: int,
) -> tuple[list[int], str]:
    """The columns that a terminal has room for, and what to say of the others.

    Args:
        titles: of the columns.
        lines: the texts of each line.
        ranks: of the columns: the highest goes first, 0 stays.
        width: characters a line.

    Returns:
        Indices of the columns, and a sentence, empty where all fit.

    Example:
        >>> fitting(['a', 'b'], [['xyz', 'x']], [0, 1], width=8)
        ([0], 'Left out for width: b')
    """
    kept = list(range(len(titles)))
    sizes = [max(map(len, column)) + 2 for column in zip(titles, *lines, strict=True)]
    while 1 + sum(sizes[i] for i in kept) > width and any(ranks[i] for i in kept):
        kept.remove(max(kept, key=lambda i: ranks[i]))
    left = [title for i, title in enumerate(titles) if i not in kept]
    return kept, f"Left out for width: {', '.join(left)}" if left else ""
