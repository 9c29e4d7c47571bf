"""Writes the tables of the pages from the rows in `experiments/results`.

    python -m experiments.publish

A table stands between `<!-- table: NAME -->` and `<!-- end -->`, and is made of
`experiments/results/NAME.jsonl`.
"""

import pathlib
import re
import sys

from experiments.rows import read_rows
from jdistill import report

ROOT = pathlib.Path(__file__).parent.parent
PAGES = ("README.md", "docs/results.md")
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def published(page: str) -> str:
    """The text of a page with its tables made anew.

    Raises:
        ValueError: a table has no rows.

    Example:
        >>> published('no table here')
        'no table here'
    """

    def table(match: re.Match) -> str:
        rows = read_rows(ROOT / "experiments" / "results" / f"{match[2]}.jsonl")
        if not rows:
            raise ValueError(f"no rows for table {match[2]!r} in experiments/results")
        return f"{match[1]}{report.markdown(rows)}{differences(rows)}{match[3]}"

    return TABLE.sub(table, page)


def differences(rows: list[dict]) -> str:
    """The paired differences of accuracy, a line each.

    Example:
        >>> row = {'stage': 'comparison', 'of': 'a', 'against': 'b', 'difference': 0.01,
        ...        'low': -0.01, 'high': 0.03, 'examples': 100}
        >>> print(differences([row]).strip())
        * a against b: +1.00 points [-1.00, +3.00], paired over 100 test examples
    """
    lines = [
        "* {of} against {against}: {0:+.2f} points [{1:+.2f}, {2:+.2f}], paired over "
        "{examples} test examples".format(
            *(100 * row[name] for name in ("difference", "low", "high")), **row
        )
        for row in rows
        if row.get("stage") == "comparison"
    ]
    return "\n\n" + "\n".join(lines) + "\n" if lines else ""


def main() -> int:
    """Rewrites the pages that are there."""
    for page in (ROOT / name for name in PAGES):
        if page.exists():
            page.write_text(published(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
