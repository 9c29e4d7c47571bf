"""Figures of how good a model is: what they are called, and how they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

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
    def first(self) -> str:
        """Its title where a sentence begins."""
        spelt = self.title[1:2].isupper()  # as mAP is
        return self.title if spelt else self.title[:1].upper() + self.title[1:]

    @property
    def unit(self) -> str:
        """What differences are counted in; a share's in percentage points."""
        return "points" if self.scale == 100 else self.title


_AGREEMENT = Figure(
    "agreement",
    "agree",
    "share of test examples on which it says what the teacher says",
    rank=5,
    short=True,
)
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
    _AGREEMENT,
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

FIGURES_OF_TAGS = (
    Figure(
        "average_precision",
        "mAP",
        "average precision of the ranking of test examples, averaged over labels",
        rank=0,
    ),
    Figure("f1_micro", "F1 micro", "F1 of all labels counted together", rank=1),
    Figure("f1_macro", "F1 macro", "F1, averaged over labels"),
    Figure(
        "subset_accuracy",
        "all right",
        "share of test examples of which every label is right",
        rank=3,
        short=True,
    ),
    Figure(
        "hamming",
        "wrong",
        "share of labels that are wrong, of all test examples together",
        rising=False,
        rank=6,
        short=True,
    ),
    _AGREEMENT,
    Figure(
        "nll",
        "nll",
        "negative log-likelihood of a label being there or not, nats: 0 is best",
        scale=1,
        rising=False,
        rank=7,
        short=True,
    ),
)
"""Those of examples with several labels, where rows have them in place of `FIGURES`."""


def named(*names: str) -> tuple[Figure, ...]:
    """Some figures of the library, in another order, the first as the headline.

    Args:
        names: of `FIGURES` or `FIGURES_OF_TAGS`.

    Returns:
        Those figures; the first stays on a narrow terminal. Names that `FIGURES` and
        `FIGURES_OF_TAGS` share mean what they do in the list of the first name.

    Raises:
        ValueError: there is no such figure; the message lists them.

    Example:
        >>> [figure.title for figure in named('bits_per_byte', 'kl')]
        ['bits/byte', 'KL']
    """
    first, rest = FIGURES, FIGURES_OF_TAGS
    if names and names[0] not in {figure.name for figure in first}:
        first, rest = rest, first
    known = {figure.name: figure for figure in (*rest, *first)}
    unknown = [name for name in names if name not in known]
    if unknown:
        valid = ", ".join(dict.fromkeys(f.name for f in (*FIGURES, *FIGURES_OF_TAGS)))
        raise ValueError(f"no figure {unknown[0]!r}; valid: {valid}")
    return tuple(known[name] for name in names)


def checked(figures: Iterable[Figure], rows: Iterable[Any] = ()) -> Sequence[Figure]:
    """The figures of a call, at least one, each of another name.

    Where they are those of nobody's choice, `FIGURES`, and the rows are of examples
    with several labels, `FIGURES_OF_TAGS`.

    Raises:
        TypeError: one is no Figure.
        ValueError: there is none, or two have one name.

    Example:
        >>> len(checked(FIGURES)), len(checked(FIGURES, [{'average_precision': 1}]))
        (8, 7)
    """
    if figures is FIGURES:
        found = {name for row in rows if isinstance(row, Mapping) for name in row}
        tagged = FIGURES_OF_TAGS[0].name in found and ACCURACY.name not in found
        return FIGURES_OF_TAGS if tagged else FIGURES
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
