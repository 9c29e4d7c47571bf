"""Learning curves: training apart from validation, one stage or all on one axis."""

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from jdistill.report import _format as form
from jdistill.report._summary import Real, Row
from jdistill.report._svg import PALETTE, colour, draw, plain

MOST_STAGES = 12
LINES = {"train": "--", "valid": "-"}
WORDS = {"train": "training", "valid": "validation"}
SPELT = {"nll": "negative log-likelihood"}
RISING = ("accuracy",)
"""Figures that are no losses: their axis is not logarithmic."""


def together(stages: Sequence[str], curves: Sequence[Row], names: Sequence[str]) -> str:
    """The means of all stages on one axis, a panel for each figure.

    Example:
        >>> point = {'name': 'loss', 'split': 'train', 'step': 1, 'value': 0.5}
        >>> together(['teacher'], [{**point, 'stage': 'teacher'}], ['loss'])[:4]
        '<svg'
    """
    tones = tones_of(stages)

    def paint(*panels: Axes):
        for axes, name in zip(panels, names, strict=True):
            for stage in stages:
                for split in LINES:
                    own = _of(curves, stage, name, split)
                    _mean(axes, own, tones[stage], split, width=1.5)
            _scale(axes, name, [c["value"] for c in curves if c["name"] == name])
        keys = [
            Line2D([], [], color=tone, lw=2, label=plain(stage))
            for stage, tone in tones.items()
        ]
        _legend(panels, keys, columns=4)

    rows = (len(stages) + 2 + 3) // 4
    height = 1.0 + 0.2 * rows + 2.0 * len(names)
    return draw("learning", paint, height=height, width=6.4, panels=len(names))


def alone(stage: str, curves: Sequence[Row], names: Sequence[str]) -> str:
    """One stage's figures over its steps: thin lines are runs, bold is their mean.

    Example:
        >>> point = {'name': 'loss', 'split': 'train', 'step': 1, 'value': 0.5}
        >>> alone('teacher', [{**point, 'stage': 'teacher'}], ['loss'])[:4]
        '<svg'
    """
    tone = colour(stage)

    def paint(*panels: Axes):
        for axes, name in zip(panels, names, strict=True):
            shown = [_of(curves, stage, name, split) for split in LINES]
            for own, split in zip(shown, LINES, strict=True):
                _runs(axes, own, tone, split)
                _mean(axes, own, tone, split, width=2)
            _scale(axes, name, [c["value"] for own in shown for c in own])
        _legend(panels, [], columns=2)

    height = 1.0 + 1.35 * len(names)
    return draw(f"learning {stage}", paint, height=height, panels=len(names))


def tones_of(stages: Sequence[str]) -> dict[str, str]:
    """A colour for each stage: its own, or one that no other has while there are any.

    Example:
        >>> tones = tones_of(['teacher', 'kl', 'jsd'])
        >>> len(set(tones.values()))
        3
    """
    own = {stage: colour(stage) for stage in stages if stage in PALETTE}
    free = [colour(name) for name in PALETTE if colour(name) not in own.values()]
    rest = [stage for stage in stages if stage not in own]
    free += [colour("other")] * len(rest)
    own |= dict(zip(rest, free, strict=False))
    return {stage: own[stage] for stage in stages}


def _of(curves: Sequence[Row], stage: str, name: str, split: str) -> list[Row]:
    wanted = (stage, name, split)
    return [c for c in curves if (c["stage"], c["name"], c["split"]) == wanted]


def _runs(axes: Axes, points: Sequence[Row], tone: str, split: str) -> None:
    runs: dict[tuple, list[tuple[int, float]]] = {}
    for point in points:
        key = (point.get("fold"), point.get("seed"))
        runs.setdefault(key, []).append((point["step"], point["value"]))
    for run in runs.values() if len(runs) > 1 else ():
        line = zip(*sorted(run), strict=True)
        axes.plot(*line, LINES[split], color=tone, lw=0.7, alpha=0.35)


def _mean(
    axes: Axes, points: Sequence[Row], tone: str, split: str, *, width: Real
) -> None:
    """The mean over the runs, at steps that all of them have."""
    if not points:
        return
    runs = {(point.get("fold"), point.get("seed")) for point in points}
    steps: dict[int, list[float]] = {}
    for point in points:
        steps.setdefault(point["step"], []).append(point["value"])
    full = {s: v for s, v in sorted(steps.items()) if len(v) == len(runs)} or steps
    means = [statistics.fmean(values) for values in full.values()]
    marker = "o" if len(means) == 1 else None
    axes.plot([*full], means, LINES[split], color=tone, lw=width, marker=marker)


def _scale(axes: Axes, name: str, values: Sequence[float]) -> None:
    """A loss has a logarithmic axis, with figures that one reads."""
    axes.set_ylabel(SPELT.get(name, plain(name)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if name in RISING or not values or min(values) <= 0:
        return
    axes.set_yscale("log")
    wide = max(values) > 8 * min(values)
    ticks = LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(5)
    axes.yaxis.set_major_locator(ticks)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form.short(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(panels: Sequence[Axes], keys: list[Line2D], *, columns: int) -> None:
    panels[-1].set_xlabel("step")
    panels[-1].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    splits = [
        Line2D([], [], color=colour("muted"), lw=1.5, ls=line, label=WORDS[split])
        for split, line in LINES.items()
    ]
    panels[0].figure.legend(
        handles=[*splits, *keys], loc="outside upper left", ncols=columns
    )
