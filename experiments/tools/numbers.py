"""What each loss was measured to gain, for the column 'our number' of a page.

The rows are those of `experiments/results`: a method that is named like a loss used
nothing else beside the labels. A cell says on which data, the mean accuracy (or the
figure that it names) in per cent, and in brackets the gain over the labels alone in
points, with its 95 % interval.
"""

import re
import statistics
from collections.abc import Mapping, Sequence

from experiments.tools import headline
from jdistill import report

DATA = {
    "losses": "digits",
    "vision_transformers": "patches",
    "transformers": "docstrings",
    "sequences": "strings",
    "recommenders": "ratings",
}
"""What the rows of a result were measured on, in a word."""
ALONE = {
    "losses": "cross_entropy",
    "vision_transformers": "cross_entropy",
    "transformers": "cross_entropy",
    "recommenders": "binary_cross_entropy",
}
"""The loss of the labels there, which a student alone learns from."""
COLUMN = "our number"
LOSS = re.compile(r"`losses\.(\w+)`")


def cells(results: Mapping[str, Sequence[Mapping]]) -> dict[str, str]:
    """The text of each loss's cell.

    Args:
        results: rows by the name of their result, a key of `DATA`.

    Example:
        >>> rows = [{'stage': 'kl', 'accuracy': 0.9}, {'stage': 'comparison',
        ...     'of': 'kl', 'against': 'alone', 'difference': 0.01, 'low': -0.01,
        ...     'high': 0.03}]
        >>> cells({'losses': rows})
        {'kl': 'digits 90.0 (+1.0 [-1.0, +3.0])'}
    """
    found: dict[str, list[str]] = {}
    for name, rows in results.items():
        figure = headline.of_result(name)[0]
        what = "" if figure == report.FIGURES[0] else f", {figure.title}"
        for method, text in _measured(rows, figure.name).items():
            loss = ALONE.get(name, method) if method == "alone" else method
            found.setdefault(loss, []).append(f"{DATA[name]}{what} {text}")
    return {loss: "; ".join(texts) for loss, texts in found.items()}


def filled(page: str, numbers: Mapping[str, str]) -> str:
    r"""The page with the column of each of its tables that has one filled anew.

    Args:
        page: Markdown; a row of a loss begins with its name, `losses.NAME`.
        numbers: the cell of each loss; a loss without one gets an empty cell.

    Example:
        >>> table = '| loss | our number |\n| `losses.kl` | old |'
        >>> print(filled(table, {'kl': 'new'}).splitlines()[-1])
        | `losses.kl` | new |
    """
    at, lines = None, []
    for line in page.split("\n"):
        cols = line.split("|")
        names = [text.strip() for text in cols]
        if len(cols) == 1:
            at = None
        elif COLUMN in names:
            at = names.index(COLUMN)
        elif at is not None and (loss := LOSS.fullmatch(names[1])):
            cell = numbers.get(loss[1])
            cols[at] = f" {cell} " if cell else " "
        lines.append("|".join(cols))
    return "\n".join(lines)


def _measured(rows: Sequence[Mapping], figure: str) -> dict[str, str]:
    values: dict[str, list[float]] = {}
    gain = {}
    for row in rows:
        if figure in row:
            values.setdefault(row["stage"], []).append(row[figure])
        elif row["against"] == "alone":
            numbers = [100 * row[name] for name in ("difference", "low", "high")]
            gain[row["of"]] = " ({:+.1f} [{:+.1f}, {:+.1f}])".format(*numbers)
    means = {name: 100 * statistics.fmean(each) for name, each in values.items()}
    return {name: f"{mean:.1f}{gain.get(name, '')}" for name, mean in means.items()}
