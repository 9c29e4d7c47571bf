"""What came out: the headline, the differences, the table of all stages."""

from collections.abc import Sequence
from typing import Any

from jdistill.report import _format as form
from jdistill.report._advice import advice
from jdistill.report._columns import Column, cells, meanings, value
from jdistill.report._differences import (
    SEEDS,
    Difference,
    compared,
    difference,
    foremost,
)
from jdistill.report._markup import Cell, grid, hint, section, text, word
from jdistill.report._summary import BASELINES, Real, Row, Stage, ends

Cards = tuple[tuple[str, str], ...]
"""What stands large on a card, and what beside it."""
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


def parts(rows: Sequence[Row], stages: Sequence[Stage]) -> list[str]:
    """What came out, without the page around it: all stages, differences, advice.

    Example:
        >>> parts([], ())
        ['', '', '']
    """
    return [all_stages(stages), differences(rows), lost(rows, stages)]


def headline(stages: Sequence[Stage], rows: Sequence[Row]) -> str:
    """How much smaller, and at what price, once a student is packed.

    The price is in accuracy, and of a model of texts in bits per byte.

    Example:
        >>> headline((), ())
        ''
    """
    teacher, packed = ends(stages)
    if teacher is None or packed is None:
        return ""
    both = (teacher, packed)
    price = _of_texts if all("bits_per_byte" in s.means for s in both) else _of_classes
    if price is _of_classes and not all("accuracy" in s.means for s in both):
        return ""
    sizes = [value(s, "bytes") for s in both]
    words = [word(s.realised) for s in both]
    cards = (
        (
            _smaller(*sizes),
            f"{form.size(sizes[0])} {words[0]} to {form.size(sizes[1])} {words[1]}",
        ),
        *price(teacher, packed, words, rows=rows, stages=stages),
    )
    shown = (f'<div class="card"><b>{big}</b>{small}</div>' for big, small in cards)
    return f'<div class="cards">{"".join(shown)}</div>'


def _of_texts(teacher: Stage, packed: Stage, words: Sequence[str], **_: Any) -> Cards:
    before, after = (s.means["bits_per_byte"].value for s in (teacher, packed))
    change = f"{after - before:+.3f}".replace("-", "−")
    return (
        (f"{change} bits", "for each byte of text; less is better"),
        (
            f"{after:.3f} bits per byte",
            f"{words[1]} against {before:.3f} {words[0]}",
        ),
    )


def _of_classes(
    teacher: Stage,
    packed: Stage,
    words: Sequence[str],
    *,
    rows: Sequence[Row],
    stages: Sequence[Stage],
) -> Cards:
    means = [s.means["accuracy"].value for s in (teacher, packed)]
    found = difference(rows, stages, packed.name, teacher.name)
    change = means[1] - means[0] if found is None else found.value
    interval = "no interval computed"
    if found is not None and found.low is not None:
        interval = f"95 % interval {form.interval(found.low, found.high)}"
    return (
        (f"{form.points(change)} points", f"of accuracy; {interval}"),
        (
            f"{100 * means[1]:.2f} % right",
            f"{words[1]} against {100 * means[0]:.2f} % {words[0]}",
        ),
    )


def _smaller(whole: Real | None, part: Real | None) -> str:
    if whole and part and part > whole:
        return f"{form.ratio(part, whole)} larger"
    return f"{form.ratio(whole, part)} smaller"


def lost(rows: Sequence[Row], stages: Sequence[Stage]) -> str:
    """Which recipes lost, and what to try.

    Example:
        >>> lost([], ())
        ''
    """
    said = advice(rows, stages)
    lines = "".join(f"<li>{text(line)}</li>" for line in said)
    return section("What lost, and what to try", f"<ul>{lines}</ul>" if said else "")


def differences(rows: Sequence[Row]) -> str:
    """The paired differences with their intervals and what these say.

    Example:
        >>> differences(())
        ''
    """
    found = compared(rows)
    if not found:
        return ""
    first, rest = foremost(found)
    more = f"{len(rest)} more, not told apart from nothing"
    how = OVER_SEEDS if any(d.over == SEEDS for d in found) else OVER_EXAMPLES
    return section(
        "Differences in accuracy",
        f'<p class="muted">Percentage points, {how}</p>',
        _listed(first) if first else "",
        f"<details><summary>{more}</summary>{_listed(rest)}</details>" if rest else "",
    )


def _listed(found: Sequence[Difference]) -> str:
    lines = [
        [
            (f"{text(d.of)} against {text(d.against)}", "text wrap"),
            (form.points(d.value), ""),
            (form.interval(d.low, d.high), ""),
            (d.reading, f"text {d.tone}"),
        ]
        for d in found
    ]
    titles = [("accuracy of", "text"), ("points", ""), ("95 % interval", "")]
    return grid([*titles, ("so it is", "text")], lines)


def all_stages(stages: Sequence[Stage]) -> str:
    """The final table, with what its words and columns mean.

    Example:
        >>> all_stages(())
        ''
    """
    if not stages:
        return ""
    columns, lines = cells(stages)
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
    first = "; ".join(f"<b>{t}</b> {meaning}" for t, meaning in meanings(columns))
    rest = [c for c in columns[2:] if not c.short]
    others = "; ".join(f"<b>{c.title}</b> {c.meaning}" for c in rest)
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
    return hint(column.title, column.meaning) if column.short else column.title


def _figures(
    stage: Stage, columns: Sequence[Column], texts: Sequence[str]
) -> list[Cell]:
    return [
        (hint(text(shown), column.hover(stage)), "")
        for column, shown in zip(columns, texts, strict=True)
    ]
