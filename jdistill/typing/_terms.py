"""What is learned: terms, objectives, and what is measured."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jdistill.typing._networks import Needs, Views
from jdistill.typing._short import maker_of
from jdistill.typing._values import Batch, Key, Tree, value_at


class Aux(NamedTuple):
    """What a method trains or updates beside the student and never exports.

    `trained` receives gradients (projections, generators); `memory` is written by
    `Term.update` (memory banks, an EMA teacher).
    """

    trained: Tree = ()
    memory: Tree = ()


@runtime_checkable
class InitProjection(Protocol):
    """The parameters of a projection, from the shapes of what it joins."""

    def __call__(self, key: Key | None, feature: Any, like: Any, /) -> Tree:
        """The first parameters."""
        ...


@runtime_checkable
class ApplyProjection(Protocol):
    """A feature brought towards another one's shape."""

    def __call__(
        self,
        params: Tree,
        feature: Any,
        like: Any,
        /,
        *,
        mask: Any = None,
        key: Key | None = None,
    ) -> Any:
        """The feature, or a tuple of features."""
        ...


class Projection(NamedTuple):
    """A learned map from the features of one network towards those of the other.

    It trains beside the student and is never exported: its parameters are `Aux.trained`
    of the term that uses it.

    * `init(key, feature, like) -> params`: `feature` is one tap of its own side or a
      tuple of them, `like` the other side's as they are. Only their shapes are read:
      widths and sizes come from them.
    * `apply(params, feature, like, *, mask=None, key=None) -> feature`: examples stand
      along the first axis of every array it gives, in float32. `mask` `[batch]` names
      the real ones, where statistics are taken over the batch; `key` draws what is
      random, and without it nothing is.
    """

    init: InitProjection
    apply: ApplyProjection


class Memory(NamedTuple):
    """What a loss remembers of earlier batches: a bounded tree of arrays.

    * `init(student, teacher, batch) -> tree`: the arrays that a loss compares, for
      their widths; what they hold is not kept.
    * `update(tree, student, teacher, batch) -> tree`: with the arrays of one more
      batch, padded rows left out. The same program however much is remembered.
    """

    init: Callable[[Any, Any, Batch], Tree]
    update: Callable[[Tree, Any, Any, Batch], Tree]


class TermValues(Protocol):
    """The values of a term in one step."""

    def __call__(
        self, views: Views, batch: Batch, /, *, aux: Aux, step: Any, key: Any
    ) -> Any:
        """One value for each example `[batch]`, token `[batch, steps]`, or one `[]`."""
        ...


@runtime_checkable
class UpdateTerm(Protocol):
    """What a term remembers of a step."""

    def __call__(self, aux: Aux, views: Views, batch: Batch, /, *, step: Any) -> Aux:
        """The term's own `Aux`, with a new memory."""
        ...


class Term(NamedTuple):
    """One loss with its weight.

    * `values(views, batch, *, aux, step, key) -> Array`: one value for each example
      `[batch]`, each token `[batch, steps]`, or one in all `[]`. `aux` is this term's
      own `Aux`.
    * `count(batch) -> Array`: the weight of each of these values, broadcastable to
      them: 0 for padding.
    * `weight`: a number or a `Schedule`. `0.9 * term` scales it.
    * `init(key, views, batch) -> Aux`.
    * `update(aux, views, batch, *, step) -> Aux`: a new memory, of what the step
      compared; `trained` is what it was before the step and moves by itself.
    * `needs`: what it reads of networks.
    """

    values: TermValues
    count: Callable[[Batch], Any]
    weight: Any = 1.0
    init: Callable[[Key, Views, Batch], Aux] | None = None
    update: UpdateTerm | None = None
    needs: Needs = None
    __array_ufunc__ = None  # so that a NumPy number times a term asks the term

    def __mul__(self, factor):  # a tuple's own would repeat the fields
        """This term with its weight times a number or a schedule."""
        _check_factor(factor)
        weight = self.weight
        if not callable(weight) and not callable(factor):
            return self._replace(weight=weight * factor)
        return self._replace(
            weight=lambda step: value_at(weight, step) * value_at(factor, step)
        )

    __rmul__ = __mul__


def _check_factor(factor: Any) -> None:
    if not callable(factor) and not hasattr(factor, "__float__"):
        raise TypeError(f"a weight must be a number or a schedule, got {factor!r}")
    if isinstance(factor, float) and not math.isfinite(factor):
        raise ValueError(f"a weight must be finite, got {factor}")


class Compute(Protocol):
    """The loss of a batch, and what is told of it."""

    def __call__(
        self,
        views: Views,
        batch: Batch,
        /,
        *,
        aux: Mapping[str, Aux],
        step: Any,
        key: Any,
        counts: Mapping[str, Any] | None = None,
    ) -> tuple[Any, Mapping[str, tuple[Any, Any]]]:
        """`(loss, metrics)`."""
        ...


class UpdateObjective(Protocol):
    """What the terms remember of a step."""

    def __call__(
        self, aux: Mapping[str, Aux], views: Views, batch: Batch, /, *, step: Any
    ) -> Mapping[str, Aux]:
        """The `Aux` of each term, with new memories."""
        ...


class Objective(NamedTuple):
    """A named sum of terms, `L = sum_i w_i(step) * mean_i`.

    * `init(key, views, batch) -> {term: Aux}`
    * `count(batch) -> {term: scalar}`: examples or tokens in this batch.
    * `compute(views, batch, *, aux, step, key, counts=None) -> (loss, metrics)`.
      `metrics` maps a term's name, and 'loss', to `(sum, count)` in float32. `counts`
      are the counts of the whole step where this batch is one part of it
      (micro-batches, devices); by default this batch's own.
    * `update(aux, views, batch, *, step) -> {term: Aux}`
    * `needs`: what it reads of networks; `remembers`: what `update` reads of them.
    * `terms`: the names of its terms.
    """

    init: Callable[[Key, Views, Batch], Mapping[str, Aux]]
    count: Callable[[Batch], Mapping[str, Any]]
    compute: Compute
    update: UpdateObjective
    needs: Needs = None
    remembers: Needs = None
    terms: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Objective({' + '.join(self.terms) or maker_of(self.compute)})"


class Metric(NamedTuple):
    """A figure over a whole data set, from sums that add over batches and devices.

    * `sums(views, batch) -> tree`: padded examples add nothing. The network that is
      evaluated is 'student'.
    * `finish(tree) -> float | array`
    """

    sums: Callable[[Views, Batch], Tree]
    finish: Callable[[Tree], Any]
