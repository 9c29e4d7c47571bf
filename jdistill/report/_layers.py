"""What each parameter of a small network takes, and how its values are spread."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import rich.console

from jdistill import artifact
from jdistill.compress import Encoded, check_encoded, decode
from jdistill.report import _format as form
from jdistill.report._markup import grid, text
from jdistill.report._summary import Row
from jdistill.report._view import View, fitting, line_of, lines_of
from jdistill.typing import Frozen

BINS = 33
BLOCKS = " ▁▂▃▄▅▆▇█"
TITLES = ("parameter", "shape", "form", "bits", "density", "bytes", "values")
LEFT = ("parameter", "shape", "form", "values")
RANKS = (0, 3, 1, 0, 0, 0, 2)
MERGED = 3
"""Bins of a block on a terminal."""


def layers(encoded: Mapping[str, Encoded] | Frozen) -> View:
    """What each parameter takes in a file, largest first, with its values' histogram.

    Args:
        encoded: forms by path, as `encode` of a learner or a compression gives them
            and `unpack(path).encoded` reads them.

    Returns:
        A table for a terminal or a notebook. `rows` of it are dictionaries of `path`,
        `shape`, `form`, `bits`, `density`, `bytes`, and `values`: counts of what is
        not zero in bins of one width from `-limit` to `limit`.

    Raises:
        TypeError: something in `encoded` is no form.

    Example:
        >>> from jdistill.compress import Dense
        >>> found = layers({'w': Dense(np.array([[-1.0, 0.5, 0.0]], np.float32))})
        >>> print(found)
         parameter  shape  form   bits  density  bytes  values
         ───────────────────────────────────────────────────────────
         w          1 × 3  dense    32     67 %   12 B  █       █
        <BLANKLINE>
        1 parameter, 12 B, 33 % of the numbers are zero.
    """
    forms = encoded.params if isinstance(encoded, Frozen) else encoded
    check_encoded(forms)
    found = [
        {
            **row._asdict(),
            "shape": list(row.shape),
            "density": round(row.density, 6),
            "values": spread(forms[row.path]),
        }
        for row in artifact.table(forms)
    ]
    found.sort(key=lambda row: -row["bytes"])

    def draw(width: int) -> rich.console.RenderableType:
        lines = [[*cells(row), sparkline(row.get("values"))] for row in found]
        kept, left_out = fitting(TITLES, lines, RANKS, width=width)
        lines = [[line[i] for i in kept] for line in lines]
        shown = lines_of([TITLES[i] for i in kept], lines, left=LEFT)
        said = [text for text in (total(found), left_out) if text]
        return rich.console.Group(shown, line_of(f"{'. '.join(said)}."))

    return View(found, draw, f"{listed(found)}<p>{text(total(found))}</p>")


def spread(encoded: Encoded) -> dict[str, Any] | None:
    """Counts of the values that are not zero, in bins about zero; None without any.

    Example:
        >>> from jdistill.compress import Dense
        >>> found = spread(Dense(np.array([-1.0, 0.0, 1.0])))
        >>> found['limit'], sum(found['counts'])
        (1.0, 2)
    """
    values = np.asarray(decode(encoded)).astype(np.float32).reshape(-1)
    values = values[np.isfinite(values) & (values != 0)]
    if not values.size:
        return None
    limit = float(np.abs(values).max())
    counts, _ = np.histogram(values, BINS, range=(-limit, limit))
    return {"limit": limit, "counts": counts.tolist()}


def cells(row: Row) -> list[str]:
    """The texts of a parameter's line.

    Example:
        >>> cells({'path': 'w', 'form': 'dense', 'bits': 8, 'density': 1, 'bytes': 9})
        ['w', '–', 'dense', '8', '100 %', '9 B']
    """
    shape = " × ".join(map(str, row["shape"])) if row.get("shape") else form.MISSING
    density = f"{form.share(row['density'])} %"
    names = str(row["path"]), shape, str(row["form"]), str(row["bits"])
    return [*names, density, form.size(row["bytes"])]


def total(rows: Sequence[Row]) -> str:
    """How many parameters there are, their bytes, and the share of zeros.

    Example:
        >>> total([{'bytes': 40, 'shape': [8], 'density': 0.5}])
        '1 parameter, 40 B, 50 % of the numbers are zero'
    """
    size = form.size(sum(row["bytes"] for row in rows))
    said = f"{len(rows)} parameter{'s' * (len(rows) != 1)}, {size}"
    shaped = [row for row in rows if row.get("shape") is not None]
    numbers = [float(np.prod(row["shape"])) for row in shaped]
    kept = sum(n * row["density"] for n, row in zip(numbers, shaped, strict=True))
    zeros = 1 - kept / sum(numbers) if sum(numbers) else 0.0
    if zeros < 0.005:
        return said
    return f"{said}, {form.share(zeros)} % of the numbers are zero"


def listed(rows: Sequence[Row]) -> str:
    """The table of a page.

    Example:
        >>> listed([]).count('<th')
        8
    """
    heads = [(title, "text" if title in LEFT else "") for title in TITLES]
    lines = [
        [
            *((text(t), k) for t, (_, k) in zip(cells(row), heads[:-1], strict=True)),
            (histogram(row.get("values")), "text"),
        ]
        for row in rows
    ]
    return grid(heads, lines)


def sparkline(values: Row | None) -> str:
    """A histogram as a line of blocks.

    Example:
        >>> sparkline({'counts': [0, 1, 0, 0, 0, 0, 8, 8, 0]})
        '▁ █'
    """
    counts = np.asarray(values["counts"], float) if values else np.zeros(0)
    if not counts.size:
        return ""
    sums = np.add.reduceat(counts, np.arange(0, counts.size, MERGED))
    heights = np.ceil(sums / max(sums.max(), 1) * (len(BLOCKS) - 1)).astype(int)
    return "".join(BLOCKS[height] for height in heights)


def histogram(values: Row | None) -> str:
    """A histogram as a small drawing.

    Example:
        >>> histogram({'limit': 1.0, 'counts': [2, 4]}).count('v-')
        3
    """
    if not values:
        return ""
    counts = np.asarray(values["counts"], float)
    heights = 20 * counts / max(counts.max(), 1)
    bars = "".join(
        f"M{4 * i + 2} 21v-{height:.1f}" for i, height in enumerate(heights) if height
    )
    limit, width = form.short(values["limit"]), 4 * len(counts)
    said = f"from {form.MINUS}{limit} to {limit}, zeros left out"
    # what it looks like where no style sheet says it, as in a notebook
    plain = f'width="{width}" height="22" fill="none" stroke="currentColor"'
    return (
        f'<svg class="spark" viewBox="0 0 {width} 22" {plain} role="img" '
        f'aria-label="{said}"><title>{said}</title><path stroke-width="3" d="{bars}"/>'
        f'<path class="axis" stroke-width=".6" '
        f'd="M0 21.5h{width}M{width / 2} 21v-21"/></svg>'
    )
