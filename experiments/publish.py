"""Writes the tables of the pages from the rows in `experiments/results`.

    python -m experiments.publish

A table stands between `<!-- KIND: NAME -->` and `<!-- end -->`, and is made of
`experiments/results/NAME.jsonl`. KIND is

* `table`: stages and what they cost; `short`: the main ones in words;
* `gains`: methods against others;
* `errors`: mistakes beside the paper's;
* `parity`: networks read from the files of others;
* `means`: the figures that are named behind the name, over the seeds, as in
  `<!-- means: closed_world kl acceptance -->`.

A column 'our number' of a table of losses is filled as well.
"""

import pathlib
import re
import statistics
import sys
from collections.abc import Sequence

from experiments.tools import headline, numbers
from experiments.tools.columns import means, plain
from experiments.tools.rows import read_rows
from jdistill import report

ROOT = pathlib.Path(__file__).parent.parent
PAGES = (
    "README.md",
    *(f"docs/{name}.md" for name in ("results", "recipes", "losses", "language")),
)
TABLE = re.compile(r"(<!-- (\w+): (\w+)([ \w]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def published(page: str) -> str:
    """The text of a page with its tables made anew.

    Raises:
        ValueError: a table has no rows, or is of no kind that there is.

    Example:
        >>> published('no table here')
        'no table here'
    """

    def table(match: re.Match) -> str:
        start, kind, name, columns, end = match.groups()
        rows = _results(name)
        if not rows:
            raise ValueError(f"no rows for table {name!r} in experiments/results")
        if kind not in KINDS:
            raise ValueError(f"no table {kind!r}; valid: {', '.join(KINDS)}")
        more = {"figures": headline.of_result(name)} if kind in ABOUT_FIGURES else {}
        return f"{start}{KINDS[kind](rows, *_given(columns), **more)}{end}"

    measured = {name: _results(name) for name in numbers.DATA}
    return numbers.filled(TABLE.sub(table, page), numbers.cells(measured))


def _given(columns: str) -> list[list[str]]:
    return [columns.split()] if columns.strip() else []


Figures = Sequence[report.Figure]


def stages(rows: list[dict], *, figures: Figures = report.FIGURES) -> str:
    """What each stage is and costs, and the paired differences of its headline."""
    return f"{report.markdown(rows, figures=figures)}{differences(rows, figures[0])}"


def short(rows: list[dict], *, figures: Figures = report.FIGURES) -> str:
    """What the main stages are, in words, and the paired differences.

    Example:
        >>> rows = [{'stage': 'teacher', 'realised': 'dense', 'bytes': 2_000_000},
        ...         {'stage': 'packed', 'realised': 'packed', 'bytes': 100_000}]
        >>> rows = [{**row, 'accuracy': a} for row, a in zip(rows, (0.9, 0.8))]
        >>> print(short(rows).splitlines()[-1])
        | `packed`: pruned, quantised, in a file | 80.0 | 0.10 MB | 20x |
    """
    means = {s.name: s.means for s in report.summarize(rows, figures=figures)}
    cells, large = [], means["teacher"]["bytes"].value
    for name in (name for name in WORDS if name in means):
        right, size = means[name][figures[0].name], means[name]["bytes"].value
        scale = figures[0].scale
        error = "" if right.error is None else f" ±{scale * right.error:.1f}"
        fraction = f"{large / size:.0f}x" if name != "teacher" else "–"
        what = f"`{name}`: {WORDS[name]}"
        right = f"{scale * right.value:.1f}{error}"
        cells.append([what, right, f"{size / 1e6:.2f} MB", fraction])
    heads = ["network", figures[0].heading, "size", "smaller"]
    return _table(heads, cells) + differences(rows, figures[0])


WORDS = {
    "teacher": "large, on the labels",
    "student": "small, on the labels",
    "distilled": "small, also taught by the teacher",
    "packed": "pruned, quantised, in a file",
    "equal_bytes": "a file as small, never taught",
}


def gains(rows: list[dict], *, figures: Figures = report.FIGURES) -> str:
    """Each method's headline figure and what it gains over others, over the seeds.

    A gain whose interval is on one side of zero is bold.

    Example:
        >>> rows = [{'stage': 'kl', 'accuracy': a} for a in (.9, .8)]
        >>> rows += [{'stage': 'comparison', 'of': 'kl', 'against': 'alone',
        ...           'difference': .01, 'low': -.01, 'high': .03}]
        >>> print(gains(rows).splitlines()[-1])
        | kl | 85.00 ±5.00 | +1.00 [-1.00, +3.00] |
    """
    found: dict[str, list[float]] = {}
    name, scale = figures[0].name, figures[0].scale
    for row in rows:
        if name in row:
            found.setdefault(row["stage"], []).append(scale * row[name])
    gained = {
        (row["of"], row["against"]): _gain(row, figures[0])
        for row in _compared(rows, figures[0])
    }
    others = list(dict.fromkeys(against for _, against in gained))
    heads = ["method", figures[0].heading, *(f"gain over {name}" for name in others)]
    cells = [
        [name, _mean(values), *(gained.get((name, other), "–") for other in others)]
        for name, values in found.items()
    ]
    return _table(heads, cells)


def _compared(rows: list[dict], figure: report.Figure) -> list[dict]:
    """The comparisons of a figure; one that names none is of accuracy."""
    return [
        row
        for row in rows
        if row.get("stage") == "comparison"
        and row.get("metric", "accuracy") == figure.name
    ]


def _gain(row: dict, figure: report.Figure) -> str:
    values = (figure.scale * row[name] for name in ("difference", "low", "high"))
    text = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*values)
    return f"**{text}**" if row["low"] > 0 or row["high"] < 0 else text


def errors(rows: list[dict]) -> str:
    """Mistakes over the seeds, beside the paper's.

    Example:
        >>> rows = [{'stage': 'alone', 'errors': 150, 'epochs': 40, 'paper': 146}]
        >>> print(errors(rows).splitlines()[-1])
        | alone | 150 | 146 | 1 | 40 |
    """
    names = list(dict.fromkeys(row["stage"] for row in rows))
    cells = []
    for name in names:
        same = [row for row in rows if row["stage"] == name]
        paper = same[0].get("paper")
        found = _mean([float(row["errors"]) for row in same], digits=0)
        known = "–" if paper is None else paper
        cells.append([name, found, known, len(same), same[0]["epochs"]])
    return _table(["run", "errors", "paper", "seeds", "epochs"], cells)


def parity(rows: list[dict]) -> str:
    r"""Networks read from files, beside another library that reads them.

    Example:
        >>> row = {'model': 'a', 'stage': 'read', 'logit_difference': 1e-4,
        ...        'logit_largest': 30.0, 'agreement': 1.0, 'load_cpu_seconds': 4.0,
        ...        'load_peak_ratio': 1.2, 'perplexity': 17.0, 'bos': True}
        >>> bare = row | {'bos': False, 'perplexity': 40}
        >>> vectors = {'model': 'b', 'vector_difference': 2e-7, 'vector_largest': 0.21,
        ...            'load_cpu_seconds': 0.4, 'load_peak_ratio': 1.4}
        >>> print('\n'.join(parity([row, bare, vectors]).splitlines()[-2:]))
        | a | 0.0001 of 30 | 100.0 % | 4.0 | 1.20 | 17.0 | 40.0 |
        | b | 2e-07 of 0.21 | – | 0.4 | 1.40 | – | – |
    """
    cells = []
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        first = own[0]
        what = "vector" if "vector_difference" in first else "logit"
        same = first.get("agreement")
        texts = {row["bos"]: f"{row['perplexity']:.1f}" for row in own if "bos" in row}
        cells.append(
            [
                name,
                f"{first[f'{what}_difference']:.1g} of {first[f'{what}_largest']:.2g}",
                "–" if same is None else f"{100 * same:.1f} %",
                f"{first['load_cpu_seconds']:.1f}",
                f"{first['load_peak_ratio']:.2f}",
                *(texts.get(begun, "–") for begun in (True, False)),
            ]
        )
    heads = ["network", "largest difference", "same token first"]
    heads += ["seconds of processor to load", "peak memory over weights"]
    return _table([*heads, "perplexity with 'bos'", "without"], cells)


def _mean(values: list[float], digits: int = 2) -> str:
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.{digits}f}"
    error = statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.{digits}f} ±{error:.{digits}f}"


def _table(heads: list[str], cells: list[list]) -> str:
    lines = [heads, [":--", *["--:"] * (len(heads) - 1)], *cells]
    texts = [[plain(str(cell)) for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in texts)


def differences(rows: list[dict], figure: report.Figure = report.FIGURES[0]) -> str:
    """The paired differences of a figure, a line each.

    Example:
        >>> row = {'stage': 'comparison', 'of': 'a', 'against': 'b', 'difference': 0.01,
        ...        'low': -0.01, 'high': 0.03, 'examples': 100}
        >>> print(differences([row]).strip())
        * a against b: +1.00 points [-1.00, +3.00], paired over 100 test examples
    """
    lines = [
        "* {of} against {against}: {0:+.2f} {unit} [{1:+.2f}, {2:+.2f}], paired over "
        "{examples} test examples".format(
            *(figure.scale * row[name] for name in ("difference", "low", "high")),
            unit=figure.unit,
            **row,
        )
        for row in _compared(rows, figure)
    ]
    return "\n\n" + "\n".join(lines) + "\n" if lines else ""


def _results(name: str) -> list[dict]:
    return read_rows(ROOT / "experiments" / "results" / f"{name}.jsonl")


KINDS = {
    "table": stages,
    "short": short,
    "gains": gains,
    "errors": errors,
    "parity": parity,
    "means": means,
}


ABOUT_FIGURES = ("table", "short", "gains")
"""Tables of an experiment's own figures."""


def main() -> int:
    """Rewrites the pages that are there."""
    for page in (ROOT / name for name in PAGES):
        if page.exists():
            page.write_text(published(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
