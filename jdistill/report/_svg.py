"""Figures as SVG text that takes its colours and its font from the page around it."""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jdistill.words import visible

# Stand-ins in the drawing; the page's style sheet gives each its light and dark tone.
COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "grid": "#030303",
    "teacher": "#040404",
    "student": "#050505",
    "distilled": "#060606",
    "pruned": "#070707",
    "quantised": "#080808",
    "packed": "#090909",
    "executed": "#0a0a0a",
    "other": "#0b0b0b",
    "good": "#0c0c0c",
    "bad": "#0d0d0d",
}
PALETTE = (
    "teacher",
    "student",
    "distilled",
    "pruned",
    "quantised",
    "packed",
    "executed",
)
"""Colours that tell stages apart."""

STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.edgecolor": COLOURS["grid"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "xtick.color": COLOURS["grid"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.color": COLOURS["grid"],
    "ytick.labelcolor": COLOURS["muted"],
    "legend.frameon": False,
}


def colour(name: str) -> str:
    """The stand-in colour of a stage or of a part of a drawing.

    Example:
        >>> colour('no such stage') == colour('other')
        True
    """
    return COLOURS.get(name, COLOURS["other"])


def plain(name: object) -> str:
    r"""A name as a drawing takes it: no control characters, 40 letters at most.

    Example:
        >>> plain('a' * 50) == 'a' * 39 + '…', plain('a\0b')
        (True, 'a�b')
    """
    text = visible(" ".join(str(name).split("\n")))
    return text if len(text) <= 40 else f"{text[:39]}…"


def draw(
    name: str,
    paint: Callable[..., None],
    *,
    height: float,
    width: float = 4.8,
    panels: int = 1,
) -> str:
    """An SVG element that `paint(*axes)` drew, with no address outside the page.

    Args:
        name: distinguishes the drawing's internal names from other drawings'.
        paint: draws on `panels` axes, one above the other.
        height: inches.
        width: inches; small, because a telephone scales the drawing to its width.
        panels: how many axes, sharing the horizontal one.

    Returns:
        `<svg>...</svg>`.

    Example:
        >>> draw('line', lambda axes: axes.plot([0, 1]), height=2.0)[:4]
        '<svg'
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes: list[Axes] = list(
            figure.subplots(panels, sharex=True, squeeze=False).flat
        )
        paint(*axes)
        page = io.StringIO()
        with warnings.catch_warnings():  # of letters that the page's font has
            warnings.simplefilter("ignore", UserWarning)
            figure.savefig(
                page, format="svg", transparent=True, metadata={"Date": None}
            )
    return _inline(page.getvalue())


def _inline(text: str) -> str:
    """Leaves of a stand-alone file what a page needs; its own ids are hashes."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r'^<svg width="[^"]*" height="[^"]*"', "<svg", text)
    for word, tone in COLOURS.items():
        text = re.sub(f"(?<=: ){tone}", f"var(--{word})", text)
    return text.strip()
