"""Names beside points, moved apart so that each can be read."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from matplotlib.transforms import Bbox

from jdistill.report._svg import colour

SIZE = 9
LETTER = 0.57
"""Width of a letter, in heights of the font: generous, since the page has its own."""


def label(
    axes: Any, names: Sequence[str], xs: Sequence[float], ys: Sequence[float]
) -> None:
    """Writes each name at the nearest place free of other names and points.

    Args:
        axes: where the points are drawn, with their limits set.
        names: one a point.
        xs: points in data units.
        ys: points in data units.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> label(axes, ['a', 'b'], [1.0, 1.0], [1.0, 1.0])
        >>> len({text.xyann for text in axes.texts})
        2
    """
    figure = axes.get_figure(root=True)
    figure.draw_without_rendering()  # so that the axes have their final place
    scale = figure.dpi / 72
    points = axes.transData.transform(list(zip(xs, ys, strict=True))) / scale
    box = axes.get_window_extent()
    left, right = box.x0 / scale, box.x1 / scale
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in points]
    for i in sorted(range(len(names)), key=lambda i: -points[i][1]):
        width = len(names[i]) * SIZE * LETTER
        side, shift, spot = _place(points[i], width, taken, left, right)
        taken.append(spot)
        axes.annotate(
            names[i],
            xy=(xs[i], ys[i]),
            xytext=(10 * side, shift),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=SIZE,
            arrowprops={"arrowstyle": "-", "color": colour("muted"), "lw": 0.5},
        )


def _place(point, width, taken, left, right):
    """The side, the shift in points and the box of the nearest free place."""
    height = SIZE + 3
    shifts = sorted((n * height / 2 for n in range(-40, 41)), key=abs)
    for shift, side in product(shifts, (1, -1)):
        x = point[0] + 10 * side - (width if side < 0 else 0)
        spot = Bbox.from_bounds(x, point[1] + shift - height / 2, width, height)
        inside = left <= spot.x0 and spot.x1 <= right
        if inside and not spot.count_overlaps(taken):
            return side, shift, spot
    return 1, 0.0, Bbox.from_bounds(point[0], point[1], width, height)
