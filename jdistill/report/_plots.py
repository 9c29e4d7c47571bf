"""The plots of the report: size, classes, steps, gains."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from jdistill.report import _format as form
from jdistill.report._differences import Difference
from jdistill.report._labels import label
from jdistill.report._quality import ACCURACY, Figure
from jdistill.report._summary import Stage
from jdistill.report._svg import colour, draw, plain

MOST_CLASSES = 20
MOST_NAMED = 16


def sized(stages: Sequence[Stage], figure: Figure = ACCURACY) -> list[Stage]:
    """Those that have a place in a plot of a figure against bytes.

    Example:
        >>> sized(())
        []
    """
    known = [s for s in stages if {figure.name, "bytes"} <= s.means.keys()]
    return [s for s in known if s.means["bytes"].value > 0]


def against_bytes(
    stages: Sequence[Stage], figure: Figure = ACCURACY, *, width: float = 4.8
) -> str:
    """Every stage as a point: bytes (log scale) across, its figure up."""
    shown, unit = sized(stages, figure), figure.scale

    def paint(axes: Axes):
        sizes = [s.means["bytes"].value for s in shown]
        heights = [unit * s.means[figure.name].value for s in shown]
        axes.set_xscale("log")
        axes.margins(y=0.12)  # room for names of two lines
        axes.set_xlim(min(sizes) / 14, max(sizes) * 8)
        errors = [s.means[figure.name].error for s in shown]
        bars = [None if error is None else unit * error for error in errors]
        for stage, x, y, bar in zip(shown, sizes, heights, bars, strict=True):
            axes.errorbar(
                x,
                y,
                yerr=bar,
                color=colour(stage.name),
                marker="o",
                markersize=7,
                elinewidth=1,
            )
        named = shown if len(shown) <= MOST_NAMED else foremost(shown, figure)
        names = [_named(s) * (s in named) for s in shown]
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: form.size(x)))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.set_xlabel("bytes (log scale)")
        axes.set_ylabel(figure.heading)
        label(axes, names, sizes, heights, bars)

    return draw(f"{figure.title} against bytes", paint, height=4.2, width=width)


def _named(stage: Stage) -> str:
    """Its name and how its figures came about, unless the name says it."""
    name, word = plain(stage.name), stage.realised
    return name if name == word else f"{name} ({word})"


def foremost(stages: Sequence[Stage], figure: Figure = ACCURACY) -> list[Stage]:
    """Those of which no other is as small and better in a figure.

    Example:
        >>> foremost([])
        []
    """
    sign = 1 if figure.rising else -1
    places = [
        (s.means["bytes"].value, -sign * s.means[figure.name].value) for s in stages
    ]
    return [
        stage
        for stage, (size, worth) in zip(stages, places, strict=True)
        if not any(
            a <= size and b <= worth and (a, b) != (size, worth) for a, b in places
        )
    ]


def recall_per_class(
    teacher: Stage, before: np.ndarray, packed: Stage, after: np.ndarray
) -> str:
    """Recall of each class, of one stage before and of another after."""
    names = packed.rows[0].get("classes") or range(len(after))
    before, after = 100 * before, 100 * after
    order = np.argsort(-np.abs(after - before), kind="stable")[:MOST_CLASSES]
    order = order[np.argsort(after[order] - before[order], kind="stable")][::-1]

    def paint(axes: Axes):
        heights = np.arange(len(order))
        axes.hlines(heights, before[order], after[order], color=colour("grid"), lw=3)
        axes.scatter(
            before[order],
            heights,
            facecolors="none",
            edgecolors=colour("teacher"),
            linewidths=1.8,
            label=_named(teacher),
            s=42,
            zorder=3,
        )
        axes.scatter(
            after[order],
            heights,
            color=colour("packed"),
            label=_named(packed),
            s=42,
            zorder=3,
        )
        axes.set_yticks(heights, [plain(names[i]) for i in order])
        axes.tick_params(axis="y", labelcolor=colour("ink"), length=0)
        axes.set_xlabel("recall, %")
        axes.figure.legend(loc="outside upper left", ncols=2)

    return draw("recall of each class", paint, height=1.2 + 0.27 * len(order))


def cost_of_steps(steps: Sequence[tuple[str, Difference, str]]) -> str:
    """What each step did to a figure: bars, with the bytes beside them.

    `steps` are (label, difference, note).
    """

    def paint(axes: Axes):
        heights = np.arange(len(steps))[::-1]
        figure = steps[0][1].figure
        unit, ends = figure.scale, [0.005 * figure.scale]
        for height, (_, found, _) in zip(heights, steps, strict=True):
            value, tone = unit * found.value, colour(found.tone)
            axes.barh(height, value, height=0.34, color=tone)
            ends.append(abs(value))
            if found.low is not None and found.high is not None:
                low, high = unit * found.low, unit * found.high
                ends += [abs(low), abs(high)]
                axes.hlines(height, low, high, color=colour("ink"), lw=1)
            axes.vlines(0, height - 0.22, height + 0.22, color=colour("muted"), lw=1)
        reach = max(ends) * 1.08
        axes.set_xlim(-reach, reach)
        for height, (name, found, note) in zip(heights, steps, strict=True):
            place = {"va": "bottom", "fontsize": 9}
            text = f"{plain(name)}: {found.text}"
            axes.text(-reach, height + 0.24, text, **place)
            axes.text(reach, height + 0.24, note, ha="right", **place).set_color(
                colour("muted")
            )
        axes.set_ylim(-0.5, len(steps) - 0.2)
        axes.set_yticks([])
        axes.spines.left.set_visible(False)
        axes.grid(visible=False)
        axes.set_xlabel(_axis(f"change in {figure.title}", figure))

    return draw("what each step cost", paint, height=0.8 + 0.58 * len(steps))


def gains(found: Sequence[Difference], *, width: float = 4.8) -> str:
    """What each method gained over another: points with their intervals."""
    shown = sorted(found, key=lambda one: one.value)
    against = ", ".join(dict.fromkeys(plain(one.against) for one in shown))
    figure = shown[0].figure
    unit = figure.scale

    def paint(axes: Axes):
        for height, one in enumerate(shown):
            tone = colour(one.tone)
            if one.low is not None and one.high is not None:
                axes.hlines(height, unit * one.low, unit * one.high, color=tone, lw=2)
            axes.plot(unit * one.value, height, "o", color=tone, markersize=5)
        axes.axvline(0, color=colour("muted"), lw=1)
        axes.set_yticks(range(len(shown)), [plain(one.of) for one in shown])
        axes.tick_params(axis="y", labelcolor=colour("ink"), length=0)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.set_xlabel(_axis(f"{figure.title}: gain over {against}", figure))

    return draw(f"gains {against}", paint, height=0.7 + 0.24 * len(shown), width=width)


def _axis(name: str, figure: Figure) -> str:
    return f"{name}, percentage points" if figure.scale == 100 else name
