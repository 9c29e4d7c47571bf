"""One text prepared in several ways, for networks that read differently."""

from collections.abc import Callable, Sequence

from jdistill import kinds
from jdistill.data._text import Tokens
from jdistill.typing import Batch

Preparation = Callable[[Sequence[str]], Tokens]
"""Fitted on texts, as `hashed_ngrams()` or `bpe()`."""


def beside(own: Preparation, **others: Preparation) -> Preparation:
    """A preparation whose batches hold each text in several ways.

    What `own` makes of a text keeps its names. What another makes of it has the name
    given here in front, such as `teacher_inputs` and `teacher_token_mask`, and
    `models.reading(model, 'teacher')` is a network that reads these. So a student of
    n-grams learns from a teacher that reads subwords, or vectors.

    Args:
        own: how the student reads, and what a packed file describes.
        **others: by the name of who reads it.

    Returns:
        `texts -> Tokens`; its `info` is that of `own`, with that of each other under
        its name.

    Raises:
        TypeError: a preparation is no function.
        ValueError: nothing is beside, two entries have one name, or the name of
            another is one of `own`'s facts.

    Example:
        >>> from jdistill.data import hashed_ngrams
        >>> few, many = (hashed_ngrams(num_buckets=n, max_length=n) for n in (4, 9))
        >>> made = beside(few, teacher=many)(()).prepare(['red fox'])
        >>> made['inputs'].shape, made['teacher_inputs'].shape
        ((1, 4), (1, 9))
    """
    if not others:
        raise ValueError("nothing is beside: name one, such as teacher=bpe()")
    kinds.function(own=own, **others)

    def fit(texts: Sequence[str]) -> Tokens:
        first = own(texts)
        second = {name: other(texts) for name, other in others.items()}
        for name in second:
            if name in first.info:
                raise ValueError(f"{name!r} is a fact of the preparation: another name")

        def prepare(texts: Sequence[str]) -> Batch:
            batch = dict(first.prepare(texts))
            for name, tokens in second.items():
                for entry, value in tokens.prepare(texts).items():
                    _add(batch, f"{name}_{entry}", value)
            return batch

        known = {name: dict(tokens.info) for name, tokens in second.items()}
        return Tokens(prepare, {**first.info, **known}, first.tokenizer)

    return fit


def _add(batch: dict, name: str, value: object) -> None:
    if name in batch:
        raise ValueError(f"two preparations make {name!r}: give one another name")
    batch[name] = value
