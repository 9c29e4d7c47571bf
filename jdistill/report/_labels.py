"""Names beside points, moved apart so that each can be read."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from matplotlib.path import Path
from matplotlib.transforms import Bbox

from jdistill.report._svg import colour

SIZE = 9
LINE = SIZE + 3
LETTER = 0.57
"""Width of a letter, in heights of the font: generous, since the page has its own."""
GAP = 10
NEAR = 4
"""Points closer than this, in points of the font, are one with several names."""


class Spot(NamedTuple):
    """A place for a name: on which side of its point, how far up, and what it covers.

    `leader` is the line from the point to the name.
    """

    side: int
    shift: float
    box: Bbox
    leader: Path


def label(
    axes: Any,
    names: Sequence[str],
    xs: Sequence[float],
    ys: Sequence[float],
    errors: Sequence[float | None] = (),
) -> None:
    r"""Writes each name at the nearest place free of other names, points and lines.

    Points at one place have their names below each other.

    Args:
        axes: where the points are drawn, with their limits set.
        names: one a point, empty for a point without.
        xs: points in data units.
        ys: points in data units.
        errors: half the heights of the points' bars, None without a bar.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> label(axes, ['a', 'b', 'c'], [1.0, 1.0, 0.5], [1.0, 1.0, 0.5])
        >>> [text.get_text() for text in axes.texts]
        ['a\nb', 'c']
    """
    figure = axes.get_figure(root=True)
    figure.draw_without_rendering()  # so that the axes have their final place
    scale = figure.dpi / 72
    points = axes.transData.transform(list(zip(xs, ys, strict=True))) / scale
    frame = axes.get_window_extent()
    inside = Bbox(frame.get_points() / scale)
    highs = [y + (e or 0) for y, e in zip(ys, errors or [None] * len(ys), strict=True)]
    tops = axes.transData.transform(list(zip(xs, highs, strict=True)))[:, 1] / scale
    marks = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in points]
    bars = [
        Bbox.from_extents(x - 1, 2 * y - top, x + 1, top)
        for (x, y), top in zip(points, tops, strict=True)
    ]
    found: list[Spot] = []
    for group in _together(points):
        first, text = group[0], "\n".join(names[i] for i in group if names[i])
        if not text:
            continue
        others = [mark for i, mark in enumerate(marks) if i not in group]
        spot = _place(points[first], text, [*marks, *bars], others, found, inside)
        found.append(spot)
        written = axes.annotate(
            text,
            xy=(xs[first], ys[first]),
            xytext=(GAP * spot.side, spot.shift),
            textcoords="offset points",
            ha="left" if spot.side > 0 else "right",
            va="center",
            fontsize=SIZE,
            arrowprops={"arrowstyle": "-", "color": colour("muted"), "lw": 0.5}
            if abs(spot.shift) > LINE / 2
            else None,
        )
        written.set_in_layout(False)  # or the axes would move under the names


def _together(points: Any) -> list[list[int]]:
    """Indices of the points, those of one place together, the highest first."""
    groups: list[list[int]] = []
    for i in sorted(range(len(points)), key=lambda i: -points[i][1]):
        near = (g for g in groups if max(abs(points[g[0]] - points[i])) < NEAR)
        group = next(near, None)
        groups.append([i]) if group is None else group.append(i)
    return groups


def _place(point, text, marks, others, found, inside) -> Spot:
    """The nearest free place whose line crosses nothing; else the nearest free one."""
    taken = [*marks, *(spot.box for spot in found)]
    free = [
        spot
        for spot in _spots(point, text)
        if inside.x0 <= spot.box.x0
        and spot.box.x1 <= inside.x1
        and inside.y0 <= spot.box.y0
        and spot.box.y1 <= inside.y1 + LINE
        and not spot.box.count_overlaps(taken)
    ]
    clear = (spot for spot in free if not _crosses(spot, others, found))
    return next(clear, free[0] if free else next(_spots(point, text)))


def _spots(point, text) -> Iterator[Spot]:
    lines = text.split("\n")
    width, height = max(map(len, lines)) * SIZE * LETTER, LINE * len(lines)
    shifts = sorted((n * LINE / 2 for n in range(-40, 41)), key=abs)
    for shift, side in product(shifts, (1, -1)):
        x = point[0] + GAP * side - (width if side < 0 else 0)
        box = Bbox.from_bounds(x, point[1] + shift - height / 2, width, height)
        end = (point[0] + GAP * side, point[1] + shift)
        yield Spot(side, shift, box, Path([tuple(point), end]))


def _crosses(spot: Spot, others: Sequence[Bbox], found: Sequence[Spot]) -> bool:
    boxes = [*others, *(other.box for other in found)]
    return any(spot.leader.intersects_bbox(box) for box in boxes) or any(
        other.leader.intersects_bbox(spot.box)
        or other.leader.intersects_path(spot.leader)
        for other in found
    )
