"""Writes the table of docs/reliability.md from the rows in `results.jsonl`.

    python -m tests.reliability.publish [--run]

With `--run` every harness is run first, whole, and its row takes the place of the
older one.
"""

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

HERE = pathlib.Path(__file__).parent
ROWS = HERE / "results.jsonl"
PAGE = HERE.parents[1] / "docs" / "reliability.md"
HARNESSES = (
    *("artifacts", "foreign", "checkpoints", "commands", "calls", "kills", "faults"),
)
TABLE = re.compile(r"(<!-- reliability -->\n).*?(<!-- end -->)", re.DOTALL)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each harness: what was tried, and what came of it.

    Example:
        >>> print(table([{'harness': 'kills', 'tried': 3, 'other bits': 0}]), end='')
        | harness | tried | what came of it |
        |:--|--:|:--|
        | kills | 3 | other bits: 0 |
    """
    lines = ["| harness | tried | what came of it |", "|:--|--:|:--|"]
    for row in rows:
        rest = {k: v for k, v in row.items() if k not in ("harness", "tried")}
        said = "; ".join(f"{name}: {value}" for name, value in rest.items())
        lines.append(f"| {row['harness']} | {row['tried']:,} | {said} |")
    return "\n".join(lines) + "\n"


def read() -> dict[str, dict[str, Any]]:
    """The newest row of each harness."""
    lines = ROWS.read_text().splitlines() if ROWS.exists() else []
    return {row["harness"]: row for row in map(json.loads, lines)}


def main(arguments: Sequence[str]) -> int:
    """Runs the harnesses where asked to, and writes rows and page."""
    rows = read()
    failed = 0
    for name in HARNESSES if "--run" in arguments else ():
        command = [sys.executable, "-m", f"tests.reliability.{name}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        rows[row["harness"]] = row
        failed |= done.returncode
    ROWS.write_text("".join(json.dumps(row) + "\n" for row in rows.values()))
    page = PAGE.read_text()
    PAGE.write_text(TABLE.sub(lambda m: m[1] + table([*rows.values()]) + m[2], page))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
