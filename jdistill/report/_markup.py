"""The few pieces of HTML that the report is made of."""

import html
from collections.abc import Sequence
from typing import Any

from jdistill.words import visible

Cell = tuple[str, str]
"""Markup and its class."""


def text(value: Any) -> str:
    """A value as text that is safe inside markup.

    Example:
        >>> text('a < b')
        'a &lt; b'
    """
    return html.escape(visible(value))


def word(realised: str) -> str:
    """One of the four words, set apart.

    Example:
        >>> word('packed')
        '<span class="word">packed</span>'
    """
    return f'<span class="word">{text(realised)}</span>'


def hint(body: str, said: str) -> str:
    """Markup that tells more under the pointer.

    Example:
        >>> hint('ece', 'calibration'), hint('3', '')
        ('<span title="calibration">ece</span>', '3')
    """
    return f'<span title="{text(said)}">{body}</span>' if said else body


def grid(
    titles: Sequence[Cell], lines: Sequence[Sequence[Cell]], *, rule: int | None = None
) -> str:
    """A table that scrolls sideways where the page is narrow.

    Args:
        titles: the head of each column, with its class ('text' aligns left).
        lines: the cells of each line.
        rule: the line that has a rule above it.

    Returns:
        Markup.

    Example:
        >>> grid([('n', '')], [[('1', '')]]).count('<tr')
        2
    """

    def row(tag: str, cells: Sequence[Cell]) -> str:
        return "".join(f'<{tag} class="{kind}">{body}</{tag}>' for body, kind in cells)

    marks = [' class="rule"' if i == rule else "" for i in range(len(lines))]
    body = "".join(
        f"<tr{mark}>{row('td', line)}</tr>"
        for mark, line in zip(marks, lines, strict=True)
    )
    head = f"<thead><tr>{row('th', titles)}</tr></thead>" if titles else ""
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def figure(title: str, svg: str, caption: str = "") -> str:
    """A plot with its title and what to see in it.

    Example:
        >>> figure('a', '<svg></svg>')
        '<figure><h3>a</h3><svg role="img" aria-label="a"></svg></figure>'
    """
    named = svg.replace("<svg", f'<svg role="img" aria-label="{text(title)}"', 1)
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure><h3>{text(title)}</h3>{named}{below}</figure>"


def section(title: str, *parts: str) -> str:
    """A titled part of the page, nothing where it would be empty.

    Example:
        >>> section('Plots', ''), section('Plots', '<p>')
        ('', '<h2>Plots</h2><p>')
    """
    return f"<h2>{text(title)}</h2>{''.join(parts)}" if any(parts) else ""
