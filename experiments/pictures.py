"""Makes the pictures of the pages from the rows in `experiments/results`.

    make pictures

Each picture of `docs/pictures` is of one result and names it, with the SHA-256 of its
rows, in its first line; a test compares that with the rows that are there.
"""

import hashlib
import pathlib
import sys
from collections.abc import Callable, Sequence

from experiments.tools import headline
from experiments.tools.rows import read_rows
from jdistill import report

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "experiments" / "results"
FOLDER = ROOT / "docs" / "pictures"


def _gains(rows: list[dict], figures: Sequence[report.Figure]) -> str:
    return report.gain_picture(rows, against="alone", figures=figures)


def _sizes(rows: list[dict], figures: Sequence[report.Figure]) -> str:
    return report.size_picture(rows, figures=figures)


def _tokens(rows: list[dict], figures: Sequence[report.Figure]) -> str:
    del figures
    shown = report.named("bits_per_byte", "kl")
    return report.curve_picture(rows, along="tokens", figures=shown)


PICTURES: dict[str, Callable[[list[dict], Sequence[report.Figure]], str]] = {
    "depth": _tokens,
    "digits": _sizes,
    "language": _sizes,
    "losses": _gains,
    "minilm": _sizes,
    "mnist": _sizes,
    "recipes_digits": _gains,
    "recipes_docs": _gains,
    "recipes_mnist": _gains,
    "recipes_titles": _gains,
    "recommenders": _gains,
    "sequences": _gains,
    "stdlib_docs": _sizes,
    "transformers": _gains,
    "unlabelled": _gains,
    "vision_transformers": _gains,
}
"""What is drawn of each result."""


def head(name: str) -> str:
    """The first line of a picture: what it is made of.

    Raises:
        ValueError: there are no rows of that name.

    Example:
        >>> head('digits')[:50]
        '<!-- experiments/results/digits.jsonl, SHA-256 of '
    """
    rows = RESULTS / f"{name}.jsonl"
    if not rows.exists():
        raise ValueError(f"no rows for picture {name!r} in experiments/results")
    digest = hashlib.sha256(rows.read_bytes()).hexdigest()
    return f"<!-- experiments/results/{name}.jsonl, SHA-256 of its rows: {digest} -->\n"


def picture(name: str) -> str:
    """The text of one picture.

    Raises:
        ValueError: there is no such picture, or there are no rows for it.

    Example:
        >>> picture('nothing')
        Traceback (most recent call last):
        ValueError: no picture 'nothing'; valid: depth, digits, language, ...
    """
    if name not in PICTURES:
        raise ValueError(f"no picture {name!r}; valid: {', '.join(PICTURES)}")
    rows = read_rows(RESULTS / f"{name}.jsonl")
    return f"{head(name)}{PICTURES[name](rows, headline.of_result(name))}\n"


def main() -> int:
    """Makes them all anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        (FOLDER / f"{name}.svg").write_text(picture(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
