"""What a row of the table says, and the arrays that its family is tried on."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

CLASSES = 5


class Member(NamedTuple):
    """A loss under test.

    * `arrays(random, batch, scale) -> (arguments, context)`: float32 arguments, the one
      that is differentiated first, tuples of arrays where the loss takes several; and
      keyword arguments that come from the batch (labels, masks). `batch` is a tuple,
      `(n,)` unless `any_batch`.
    * `reference` takes the same in float64.
    * `golden`: (arguments, keyword arguments, value) by hand or from the paper.
    * `numbers`: the hyperparameters that every test is run with, each in turn; where a
      test runs once it takes the first.
    * `at_teacher`: 'zero' or 'least', what a student equal to the teacher gets.
    * `relates`: whether rows are compared with each other, so that a value is its
      row's contribution and padding is named by `mask`.
    * `masks_tokens`: whether it takes `token_mask`, and what it masks changes nothing;
      all its arguments are `[batch, steps, ...]`.
    * `shared`: the names of context that is not one entry for each example.
    * `shift_invariant`: a constant added to all logits of an example changes nothing.
    * `squared_temperature`: the gradient keeps its size over temperatures.
    * `second`: another implementation, of the first hyperparameters.
    """

    loss: Callable[..., Any]
    arrays: Callable[..., tuple[tuple, Mapping[str, Any]]]
    reference: Callable[..., Any]
    golden: tuple[tuple[tuple, Mapping[str, Any], Any], ...]
    numbers: tuple[Mapping[str, Any], ...] = ({},)
    at_teacher: str | None = None
    relates: bool = False
    any_batch: bool = False
    per_example: bool = True
    masks_tokens: bool = False
    shared: tuple[str, ...] = ()
    shift_invariant: bool = False
    squared_temperature: bool = False
    second: Callable[..., Any] | None = None


def normal(random, *shape, scale=1.0):
    return (scale * random.normal(size=shape)).astype(np.float32)


def logits(random, batch, scale=2.0):
    both = [normal(random, *batch, CLASSES, scale=scale) for _ in range(2)]
    return tuple(both), {}


def labelled_logits(random, batch, scale=2.0):
    both, _ = logits(random, batch, scale)
    return both, {"labels": random.integers(CLASSES, size=batch)}


def vectors(random, batch, scale=1.0):
    """Features of equal width on both sides."""
    return tuple(normal(random, *batch, 6, scale=scale) for _ in range(2)), {}


def maps(random, batch, scale=1.0):
    """Feature maps `[batch, height, width, channels]`, alike on both sides."""
    return tuple(normal(random, *batch, 3, 4, 5, scale=scale) for _ in range(2)), {}


def relation(random, batch, scale=1.0):
    """Features of different width: only relations between rows can be compared."""
    widths = 6, 4
    return tuple(normal(random, *batch, w, scale=scale) for w in widths), {}


def log_softmax(logits, axis=-1):
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def softmax(logits, axis=-1):
    return np.exp(log_softmax(logits, axis))
