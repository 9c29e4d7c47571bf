"""Rows -> pictures: SVG files of their own, for a page that others read."""

from collections.abc import Iterable, Sequence

from jdistill import kinds
from jdistill.report import _along, _plots
from jdistill.report._differences import compared
from jdistill.report._quality import FIGURES, Figure, checked
from jdistill.report._style import TONES
from jdistill.report._summary import Row, summarize
from jdistill.words import check_text

WIDTH = 6.4
FONT = 'font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;'


def size_picture(rows: Iterable[Row], *, figures: Sequence[Figure] = FIGURES) -> str:
    """Each stage's headline figure against its bytes, as a picture.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`.
        figures: those of the experiment; the first is drawn.

    Returns:
        The text of an SVG file, light or dark as its reader's system is. Points are
        means over folds, bars standard errors.

    Raises:
        ValueError: no row has the figure and its bytes.

    Example:
        >>> row = {'stage': 'teacher', 'realised': 'dense', 'bytes': 4, 'accuracy': 0.9}
        >>> size_picture([row])[:4]
        '<svg'
    """
    rows = _listed(rows)
    figure = checked(figures, rows)[0]
    stages = summarize(rows, figures=figures)
    if not _plots.sized(stages, figure):
        raise ValueError(f"no row has both {figure.name!r} and 'bytes'")
    return _alone(_plots.against_bytes(stages, figure, width=WIDTH))


def gain_picture(
    rows: Iterable[Row], *, against: str, figures: Sequence[Figure] = FIGURES
) -> str:
    """What each method gained over another, with its interval.

    Args:
        rows: rows of an experiment; those of stage 'comparison' have `of`, `against`,
            `difference`, `low` and `high`.
        against: the method that the others are compared with.
        figures: those of the experiment; the gains are of the first.

    Returns:
        The text of an SVG file, light or dark as its reader's system is; the greatest
        gain on top, grey where the interval has 0 in it.

    Raises:
        ValueError: no row compares with that method.

    Example:
        >>> row = {'stage': 'comparison', 'of': 'kl', 'against': 'alone',
        ...        'difference': 0.01, 'low': -0.01, 'high': 0.03}
        >>> gain_picture([row], against='alone')[:4]
        '<svg'
    """
    rows = _listed(rows)
    check_text(against=against)
    found = compared(rows, checked(figures, rows)[0])
    chosen = [one for one in found if one.against == against]
    if not chosen:
        valid = ", ".join(dict.fromkeys(one.against for one in found))
        raise ValueError(f"no row compares with {against!r}; valid: {valid or 'none'}")
    return _alone(_plots.gains(chosen, width=WIDTH))


def curve_picture(
    rows: Iterable[Row], *, along: str, figures: Sequence[Figure] = FIGURES
) -> str:
    """How figures of each stage change along a number of its rows.

    Args:
        rows: rows of an experiment, as in `rows.jsonl`; those without the number are
            left out, and those of one stage and one number are averaged.
        along: the key of that number, such as 'tokens' for the tokens that were seen.
        figures: those to draw, a panel each.

    Returns:
        The text of an SVG file, light or dark as its reader's system is, with a
        logarithmic axis of the number.

    Raises:
        ValueError: no row has a number above 0 under that key, and each figure.

    Example:
        >>> rows = [{'stage': 'kl', 'tokens': t, 'nll': 1 / t} for t in (1, 10)]
        >>> from jdistill.report import named
        >>> curve_picture(rows, along='tokens', figures=named('nll'))[:4]
        '<svg'
    """
    rows = _listed(rows)
    check_text(along=along)
    figures = checked(figures, rows)
    shown = _along.with_column(rows, along)
    for figure in figures:
        if not any(row.get(figure.name) is not None for row in shown):
            raise ValueError(f"no row has both {figure.name!r} and {along!r} above 0")
    return _alone(_along.along(shown, along, figures, width=WIDTH))


def _listed(rows: Iterable[Row]) -> list[Row]:
    kinds.rows(rows=rows)
    rows = list(rows)
    for row in rows:
        kinds.mapping(row=row)
    return rows


def _alone(svg: str) -> str:
    """A drawing with the colours, the size and the ground that a page gave it."""
    _, _, *sides = svg.split('viewBox="')[1].split('"')[0].split()
    width, height = (round(float(points) * 4 / 3) for points in sides)
    head = f'xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    style = f"<style>{TONES}svg {{ {FONT} }}\n</style>"
    ground = '<rect width="100%" height="100%" rx="6" style="fill: var(--page)"/>'
    return svg.replace("<svg", f"<svg {head}", 1).replace(
        ">", f">\n{style}\n{ground}", 1
    )
