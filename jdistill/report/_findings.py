"""What came out: the headline, the differences, the table of all stages."""

from collections.abc import Sequence

from jdistill.report import _format as form
from jdistill.report._markup import grid, section, text, word
from jdistill.report._summary import BASELINES, Row, Stage, find
from jdistill.report._table import cells, value

MEANINGS = {
    "dense": "not compressed, float32",
    "masked": "compression simulated in dense arrays; the bytes are still float32's",
    "packed": "read back from the compressed file; its bytes are the file's",
    "executed": "the file's integers really multiplied as integers",
}

FIGURES = ("difference", "low", "high")

OVER_EXAMPLES = (
    "over the test examples of all folds. The interval is that of a paired bootstrap: "
    "both models answer the same resampled examples."
)
OVER_SEEDS = (
    "the mean over the seeds. The interval is Student's, of the differences between "
    "two models of one seed, without a correction for there being many."
)


def headline(stages: Sequence[Stage], rows: Sequence[Row]) -> str:
    """How much smaller, and at what price in accuracy, once a student is packed.

    Example:
        >>> headline((), ())
        ''
    """
    teacher, packed = find(stages, "teacher"), find(stages, "packed")
    if teacher is None or packed is None:
        return ""
    if not all("accuracy" in s.means for s in (teacher, packed)):
        return ""
    sizes = [value(s, "bytes") for s in (teacher, packed)]
    means = [s.means["accuracy"].value for s in (teacher, packed)]
    change, interval = means[1] - means[0], "no interval computed"
    for row in rows:
        if _is_difference(row) and (row["of"], row["against"]) == ("packed", "teacher"):
            change = row["difference"]
            interval = f"95 % interval {form.interval(row['low'], row['high'])}"
    words = [word(s.realised) for s in (teacher, packed)]
    cards = (
        (
            f"{form.ratio(*sizes)} smaller",
            f"{form.size(sizes[0])} {words[0]} to {form.size(sizes[1])} {words[1]}",
        ),
        (f"{form.points(change)} points", f"of accuracy; {interval}"),
        (
            f"{100 * means[1]:.2f} % right",
            f"{words[1]} against {100 * means[0]:.2f} % {words[0]}",
        ),
    )
    shown = (f'<div class="card"><b>{big}</b>{small}</div>' for big, small in cards)
    return f'<div class="cards">{"".join(shown)}</div>'


def differences(rows: Sequence[Row]) -> str:
    """The paired differences with their intervals and what these say.

    Example:
        >>> differences(())
        ''
    """
    found = [row for row in rows if _is_difference(row)]
    if not found:
        return ""
    lines = [
        [
            (f"{text(row['of'])} against {text(row['against'])}", "text wrap"),
            (form.points(row["difference"]), ""),
            (form.interval(row["low"], row["high"]), ""),
            _reading(row),
        ]
        for row in found
    ]
    titles = [("accuracy of", "text"), ("points", ""), ("95 % interval", "")]
    how = OVER_SEEDS if any("seeds" in row for row in found) else OVER_EXAMPLES
    return section(
        "Differences in accuracy",
        f'<p class="muted">Percentage points, {how}</p>',
        grid([*titles, ("so it is", "text")], lines),
    )


def all_stages(stages: Sequence[Stage]) -> str:
    """The final table, with what its words and columns mean.

    Example:
        >>> all_stages(())
        ''
    """
    if not stages:
        return ""
    columns, lines = cells(stages)
    titles = [(c.title, "text") for c in columns[:2]]
    titles += [(c.title, "") for c in columns[2:]]
    body = [
        [(text(name), "text"), (word(realised), "text"), *((text(t), "") for t in rest)]
        for name, realised, *rest in lines
    ]
    rule = next((i for i, s in enumerate(stages) if s.name in BASELINES), None)
    used = {stage.realised for stage in stages}
    words = " ".join(f"{word(w)} {MEANINGS[w]}." for w in MEANINGS if w in used)
    below = "" if rule is None else " Below the line: baselines."
    meanings = "; ".join(f"<b>{c.title}</b> {c.meaning}" for c in columns[2:])
    return section(
        "All stages",
        f'<p class="muted">Means over folds or seeds ± standard error.{below}</p>',
        grid(titles, body, rule=rule),
        f'<p class="muted">{words}</p><details><summary>What the columns mean</summary>'
        f'<p class="muted">{meanings}.</p></details>',
    )


def _is_difference(row: Row) -> bool:
    if row.get("stage") != "comparison" or row.get("metric", "accuracy") != "accuracy":
        return False
    return all(row.get(k) is not None for k in ("of", "against", *FIGURES))


def _reading(row: Row) -> tuple[str, str]:
    if row["low"] > 0:
        return "better", "text good"
    if row["high"] < 0:
        return "worse", "text bad"
    return "not told apart", "text"
