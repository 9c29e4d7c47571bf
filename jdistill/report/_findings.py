"""What came out: the headline, the differences, the table of all stages."""

from collections.abc import Sequence

from jdistill.report import _format as form
from jdistill.report._advice import advice
from jdistill.report._columns import Column, cells, columns_of, meanings, value
from jdistill.report._differences import (
    SEEDS,
    Difference,
    compared,
    difference,
    foremost,
)
from jdistill.report._markup import Cell, grid, hint, section, text, word
from jdistill.report._quality import FIGURES, Figure
from jdistill.report._summary import BASELINES, Real, Row, Stage, ends

MEANINGS = {
    "dense": "not compressed, float32",
    "masked": "compression simulated in dense arrays; the bytes are still float32's",
    "packed": "read back from the compressed file; its bytes are the file's",
    "executed": "the file's integers really multiplied as integers",
}

OVER_EXAMPLES = (
    "over the test examples of all folds. The interval is that of a paired bootstrap: "
    "both models answer the same resampled examples."
)
OVER_SEEDS = (
    "the mean over the seeds. The interval is Student's, of the differences between "
    "two models of one seed, beside that of the test examples where the runs have one, "
    "without a correction for there being many."
)


def parts(
    rows: Sequence[Row], stages: Sequence[Stage], figures: Sequence[Figure] = FIGURES
) -> list[str]:
    """What came out, without the page around it: all stages, differences, advice.

    Example:
        >>> parts([], ())
        ['', '', '']
    """
    return [
        all_stages(stages, figures),
        differences(rows, figures),
        lost(rows, stages, figures),
    ]


def headline(
    stages: Sequence[Stage], rows: Sequence[Row], figures: Sequence[Figure] = FIGURES
) -> str:
    """How much smaller, and what it cost in the first figure, once a student is packed.

    Example:
        >>> headline((), ())
        ''
    """
    (teacher, packed), figure = ends(stages), figures[0]
    if teacher is None or packed is None:
        return ""
    if not all(figure.name in s.means for s in (teacher, packed)):
        return ""
    sizes = [value(s, "bytes") for s in (teacher, packed)]
    means = [s.means[figure.name] for s in (teacher, packed)]
    found = difference(rows, stages, packed.name, teacher.name, figure)
    change = means[1].value - means[0].value if found is None else found.value
    interval = "no interval computed"
    if found is not None and found.low is not None:
        interval = f"95 % interval {found.interval}"
    shares = [form.figure(mean._replace(error=None), figure) for mean in means]
    shares = [f"{share} %" if figure.scale == 100 else share for share in shares]
    words = [word(s.realised) for s in (teacher, packed)]
    cards = (
        (
            _smaller(*sizes),
            f"{form.size(sizes[0])} {words[0]} to {form.size(sizes[1])} {words[1]}",
        ),
        (
            f"{form.change(change, figure)} {figure.unit}",
            f"of {text(figure.title)}; {interval}",
        ),
        (
            f"{shares[1]} {text(figure.title)}",
            f"{words[1]} against {shares[0]} {words[0]}",
        ),
    )
    shown = (f'<div class="card"><b>{big}</b>{small}</div>' for big, small in cards)
    return f'<div class="cards">{"".join(shown)}</div>'


def _smaller(whole: Real | None, part: Real | None) -> str:
    if whole and part and part > whole:
        return f"{form.ratio(part, whole)} larger"
    return f"{form.ratio(whole, part)} smaller"


def lost(
    rows: Sequence[Row], stages: Sequence[Stage], figures: Sequence[Figure] = FIGURES
) -> str:
    """Which recipes lost, and what to try.

    Example:
        >>> lost([], ())
        ''
    """
    said = advice(rows, stages, figures[0])
    lines = "".join(f"<li>{text(line)}</li>" for line in said)
    return section("What lost, and what to try", f"<ul>{lines}</ul>" if said else "")


def differences(rows: Sequence[Row], figures: Sequence[Figure] = FIGURES) -> str:
    """The paired differences with their intervals and what these say.

    Example:
        >>> differences(())
        ''
    """
    figure = figures[0]
    found = compared(rows, figure)
    if not found:
        return ""
    first, rest = foremost(found)
    more = f"{len(rest)} more, not told apart from nothing"
    how = OVER_SEEDS if any(d.over == SEEDS for d in found) else OVER_EXAMPLES
    return section(
        f"Differences in {figure.title}",
        f'<p class="muted">{_unit(figure)}, {how}</p>',
        _listed(first) if first else "",
        f"<details><summary>{more}</summary>{_listed(rest)}</details>" if rest else "",
    )


def _unit(figure: Figure) -> str:
    return "Percentage points" if figure.scale == 100 else text(figure.title)


def _listed(found: Sequence[Difference]) -> str:
    lines = [
        [
            (f"{text(d.of)} against {text(d.against)}", "text wrap"),
            (d.text, ""),
            (d.interval, ""),
            (d.reading, f"text {d.tone}"),
        ]
        for d in found
    ]
    figure = found[0].figure
    titles = [(f"{text(figure.title)} of", "text"), (text(figure.unit), "")]
    titles.append(("95 % interval", ""))
    return grid([*titles, ("so it is", "text")], lines)


def all_stages(stages: Sequence[Stage], figures: Sequence[Figure] = FIGURES) -> str:
    """The final table, with what its words and columns mean.

    Example:
        >>> all_stages(())
        ''
    """
    if not stages:
        return ""
    columns, lines = cells(stages, columns_of(figures))
    titles = [(_head(c), "text" if i < 2 else "") for i, c in enumerate(columns)]
    body = [
        [
            (text(line[0]), "text"),
            (word(line[1]), "text"),
            *_figures(stage, columns[2:], line[2:]),
        ]
        for stage, line in zip(stages, lines, strict=True)
    ]
    rule = next((i for i, s in enumerate(stages) if s.name in BASELINES), None)
    used = {stage.realised for stage in stages}
    words = " ".join(f"{word(w)} {MEANINGS[w]}." for w in MEANINGS if w in used)
    erring = any(mean.error is not None for s in stages for mean in s.means.values())
    said = ["Means over folds or seeds ± standard error."] if erring else []
    said += ["Below the line: baselines."] if rule is not None else []
    first = "; ".join(f"<b>{text(t)}</b> {text(m)}" for t, m in meanings(columns))
    rest = [c for c in columns[2:] if not c.short]
    others = "; ".join(f"<b>{text(c.title)}</b> {text(c.meaning)}" for c in rest)
    return section(
        "All stages",
        f'<p class="muted">{" ".join(said)}</p>' if said else "",
        grid(titles, body, rule=rule),
        f'<p class="muted">{words}</p>',
        f'<p class="muted">{first}.</p>' if first else "",
        "<details><summary>What the other columns mean</summary>"
        f'<p class="muted">{others}.</p></details>',
    )


def _head(column: Column) -> str:
    title = text(column.title)
    return hint(title, column.meaning) if column.short else title


def _figures(
    stage: Stage, columns: Sequence[Column], texts: Sequence[str]
) -> list[Cell]:
    return [
        (hint(text(shown), column.hover(stage)), "")
        for column, shown in zip(columns, texts, strict=True)
    ]
