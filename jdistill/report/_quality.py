"""Figures of how good a model is: what they are called, and how they are shown."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jdistill import kinds

Real = float | int


class Figure(NamedTuple):
    """A figure of test examples that rows have under `name`, and how it is shown.

    The first of an experiment's figures is its headline: what plots, differences and
    comparisons are about. The others are columns of the table, in their order.

    * `name`: its key in the rows.
    * `title`: what tables, plots and pages call it.
    * `meaning`: what it says, in a few words.
    * `scale`: 100 for a share, shown in per cent; 1 for any other number.
    * `rising`: more of it is better.
    * `rank`: how soon a narrow terminal drops its column; 0 always stays.
    * `short`: its title is spelt out beside the table, and its error left out.

    Example:
        >>> Figure('ndcg', 'NDCG@10', 'gain of the lists of ten').heading
        'NDCG@10 %'
    """

    name: str
    title: str
    meaning: str
    scale: Real = 100
    rising: bool = True
    rank: int = 2
    short: bool = False

    @property
    def heading(self) -> str:
        """The title of its column."""
        return f"{self.title} %" if self.scale == 100 else self.title

    @property
    def unit(self) -> str:
        """What differences are counted in; a share's in percentage points."""
        return "points" if self.scale == 100 else self.title


FIGURES = (
    Figure("accuracy", "accuracy", "share of test examples that are right", rank=0),
    Figure("recall_macro", "recall", "recall, averaged over classes"),
    Figure(
        "bits_per_byte",
        "bits/byte",
        "bits that a byte of the test text costs",
        scale=1,
        rising=False,
        rank=0,
    ),
    Figure(
        "perplexity",
        "perplexity",
        "e to the mean negative log-likelihood of a token",
        scale=1,
        rising=False,
        rank=1,
    ),
    Figure(
        "kl",
        "KL",
        "divergence of the first model's next token from its own, nats a token",
        scale=1,
        rising=False,
        rank=3,
        short=True,
    ),
    Figure(
        "agreement",
        "agree",
        "share of test examples on which it says what the teacher says",
        rank=5,
        short=True,
    ),
    Figure(
        "nll",
        "nll",
        "negative log-likelihood of the true class, nats: 0 is best",
        scale=1,
        rising=False,
        rank=7,
        short=True,
    ),
    Figure(
        "ece",
        "ece",
        "expected calibration error: how far confidence is from accuracy, 0 is best",
        scale=1,
        rising=False,
        rank=6,
        short=True,
    ),
)
"""Those of an experiment that names none: of classifiers and language models."""

ACCURACY = FIGURES[0]


def named(*names: str) -> tuple[Figure, ...]:
    """Some of `FIGURES`, in another order, the first as the headline.

    Args:
        names: of figures.

    Returns:
        Those figures; the first stays on a narrow terminal.

    Raises:
        ValueError: there is no such figure; the message lists them.

    Example:
        >>> [figure.title for figure in named('bits_per_byte', 'kl')]
        ['bits/byte', 'KL']
    """
    known = {figure.name: figure for figure in FIGURES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no figure {unknown[0]!r}; valid: {', '.join(known)}")
    return tuple(known[name] for name in names)


def checked(figures: Iterable[Figure]) -> Sequence[Figure]:
    """The figures of a call, at least one, each of another name.

    Raises:
        TypeError: one is no Figure.
        ValueError: there is none, or two have one name.

    Example:
        >>> len(checked(FIGURES))
        8
    """
    if isinstance(figures, Figure) or not isinstance(figures, Iterable):
        raise TypeError(f"figures must be several Figures, got {kinds.got(figures)}")
    found = tuple(figures)
    for figure in found:
        if not isinstance(figure, Figure):
            raise TypeError(f"figures must be Figures, got {kinds.got(figure)}")
    if not found or len({figure.name for figure in found}) < len(found):
        said = ", ".join(repr(figure.name) for figure in found) or "none"
        raise ValueError(f"figures must be some, of different names; got {said}")
    return found
