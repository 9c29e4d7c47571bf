"""What a page is about: the question, the task, the examples, the models, the run."""

import re
from collections.abc import Iterable, Sequence

from jdistill.report import _format as form
from jdistill.report._columns import value
from jdistill.report._markup import text
from jdistill.report._summary import BASELINES, CHAIN, Row, Stage, fold_sizes

MOST_NAMES = 12


def about(
    stages: Sequence[Stage], *, title: str, question: str = "", command: str = ""
) -> str:
    """The top of the page.

    Args:
        stages: as `summarize` gives them.
        title: of the page.
        question: what the experiment asks; its first paragraph leads.
        command: what makes it again.

    Returns:
        Markup; a line for each thing that the rows know.

    Example:
        >>> about((), title='digits').split('</h1>')[0]
        '<h1>digits'
    """
    rows = [row for stage in stages for row in stage.rows]
    lead, *more = re.split(r"\n\s*\n", question.strip())
    shown = [f"<h1>{text(title)}</h1>", f'<p class="lead">{text(lead)}</p>']
    shown += [f'<p class="muted">{text(paragraph)}</p>' for paragraph in more]
    known = {
        "Task": _task(rows),
        "Data": _data(rows),
        "Tested on": _tested(rows),
        "Models": _models(stages),
        "Training": _training(rows),
        "Made": _span(row.get("date") for row in rows),
    }
    lines = [(name, text(said)) for name, said in known.items() if said]
    if command:
        lines.append(("Command", f"<code>{text(command)}</code>"))
    items = "".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in lines)
    return "\n".join([*shown[: 1 + bool(lead)], *shown[2:], f"<dl>{items}</dl>"])


def _task(rows: Sequence[Row]) -> str:
    names = next((row["classes"] for row in rows if row.get("classes")), None)
    if names is None:
        return ""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    first = ", ".join(str(name) for name in names[:MOST_NAMES])
    return f"which of {len(names)} classes: {first}{more}"


def _data(rows: Sequence[Row]) -> str:
    """The name and the sizes of the first fold's parts."""
    data = next((row["data"] for row in rows if row.get("data")), {})
    sizes, name = data.get("sizes") or {}, data.get("dataset", "")
    words = {"train": "to learn from", "valid": "to validate on", "test": "to test on"}
    said = [f"{sizes[part]:,} {words[part]}" for part in words if part in sizes]
    for kind in ("labelled", "unlabelled"):
        if kind in data:
            said.append(f"{data[kind]:,} {kind}")
    where = " in its first fold" if data.get("num_folds") else ""
    listed = ", ".join(said)
    return f"{name}: {listed}{where}" if name and listed else str(name)


def _tested(rows: Sequence[Row]) -> str:
    folds = len({row.get("fold") for row in rows})
    seeds = len({row.get("seed") for row in rows})
    runs = f"{folds} fold{'s' * (folds != 1)}, {seeds} seed{'s' * (seeds != 1)}"
    number = sum(fold_sizes(rows).values())
    return f"{number:,.0f} examples in {runs}" if number else runs


def _models(stages: Sequence[Stage]) -> str:
    """The parameters of the first and the last stage, of the chain if there is one."""
    known = [s for s in stages if "parameters" in s.means and s.name not in BASELINES]
    chain = [s for s in known if s.name in CHAIN] or known
    said = []
    for stage in dict.fromkeys((chain[0].name, chain[-1].name)) if chain else ():
        own = next(s for s in chain if s.name == stage)
        zeros = value(own, "sparsity")
        rest = (
            f", {form.share(zeros)} % of them zero" if zeros and zeros > 0.005 else ""
        )
        said.append(f"{stage} {value(own, 'parameters'):,.0f} parameters{rest}")
    return "; ".join(said)


def _training(rows: Sequence[Row]) -> str:
    spent = [row["seconds"] for row in rows if row.get("seconds")]
    return f"{form.seconds(sum(spent))} for {len(spent)} runs" if spent else ""


def _span(dates: Iterable[str | None]) -> str:
    known = sorted({str(date) for date in dates if date})
    return " to ".join(dict.fromkeys(known[:: max(1, len(known) - 1)]))
