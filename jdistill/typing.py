"""The nouns of jdistill: every box between two arrows is one of these.

`batch -> Model -> Outputs -> Objective -> Learner.step -> evaluate -> Compression ->
encode -> pack -> report`. Each box is a NamedTuple of pure functions, and all state is
arrays. Nothing here computes; the functions that fill these fields live one idea a
file in the rest of the package.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

Array = jax.Array
Key = jax.Array
"""A key made by `jax.random.key`."""

Tree = Any
"""Any pytree of arrays: linen dictionaries, `nnx.State`, Equinox modules, tuples."""

Batch = Mapping[str, Any]
"""Arrays by name, examples along the first axis.

* `inputs`: images, tokens, audio; `[batch, ...]`
* `label`: integers, `[batch]`
* `id`: index of the example in its split, `[batch]`; caches and messages need it
* `mask`: `[batch]`, 0 where the example is padding
* `token_mask`: `[batch, steps]`, 0 where the token is padding
* `teacher_logits`: the teacher's outputs, where they are cached or computed ahead
"""

Number = float | np.number | jax.Array
"""A hyperparameter: a number of Python or NumPy, or a traced scalar when a whole sweep
trains in one program."""

Schedule = Callable[[Any], Any]
"""`step -> value`. Every optax schedule is one."""


def value_at(value: Any, step: Any) -> Any:
    """A schedule's value at a step; a plain number is its own.

    Example:
        >>> value_at(0.5, 7), value_at(lambda step: step + 1, 7)
        (0.5, 8)
    """
    return value(step) if callable(value) else value


class Outputs(NamedTuple):
    """What one forward pass yields.

    `logits` is `[batch, ..., classes]`; `features` maps a tap's name to its array.
    """

    logits: Any
    features: Mapping[str, Any] = {}


class Model(NamedTuple):
    """A network as two pure functions.

    * `init(key, batch) -> (params, state)`
    * `apply(params, state, batch, *, train=False, key=None) -> (Outputs, state)`

    `state` carries what a forward pass changes (batch statistics), `{}` where nothing
    is; `key` is for dropout.
    """

    init: Callable[..., tuple[Tree, Tree]]
    apply: Callable[..., tuple[Outputs, Tree]]


class Frozen(NamedTuple):
    """A trained network's variables, passed to every step as data, never closed over.

    Closing over 100 million parameters makes them constants of the program: 7 seconds
    to compile where an argument takes 0.04.
    """

    params: Tree
    state: Tree = {}


class Aux(NamedTuple):
    """What a method trains or updates beside the student and never exports.

    `trained` receives gradients (projections, generators); `memory` is written by
    `Term.update` (memory banks, an EMA teacher).
    """

    trained: Tree = ()
    memory: Tree = ()


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

    init: Callable[..., Tree]
    apply: Callable[..., Any]


class Memory(NamedTuple):
    """What a loss remembers of earlier batches: a bounded tree of arrays.

    * `init(student, teacher, batch) -> tree`: the arrays that a loss compares, for
      their widths; what they hold is not kept.
    * `update(tree, student, teacher, batch) -> tree`: with the arrays of one more
      batch, padded rows left out. The same program however much is remembered.
    """

    init: Callable[..., Tree]
    update: Callable[..., Tree]


class Term(NamedTuple):
    """One loss with its weight.

    * `values(student, teacher, batch, *, params, applied, aux, step, key) -> Array`:
      one value for each example `[batch]`, each token `[batch, steps]`, or one in all
      `[]`; `student` and `teacher` are `Outputs`, `teacher` None where there is none.
      `params` are the student's raw parameters (penalties act on them), `applied` what
      the compression made of them, and `aux` this term's own `Aux`.
    * `count(batch) -> Array`: the weight of each of these values, broadcastable to
      them: 0 for padding.
    * `weight`: a number or a `Schedule`. `0.9 * term` scales it.
    * `init(key, student, teacher, batch) -> Aux`.
    * `update(aux, student, teacher, batch, *, step) -> Aux`: a new memory, of what the
      step compared; `trained` is what it was before the step and moves by itself.
    """

    values: Callable[..., Any]
    count: Callable[[Batch], Any]
    weight: Any = 1.0
    init: Callable[..., Aux] | None = None
    update: Callable[..., Aux] | None = None
    __array_ufunc__ = None  # so that a NumPy number times a term asks the term

    def __mul__(self, factor):  # a tuple's own would repeat the fields
        """This term with its weight times a number or a schedule."""
        weight = self.weight
        if not callable(weight) and not callable(factor):
            return self._replace(weight=weight * factor)
        return self._replace(
            weight=lambda step: value_at(weight, step) * value_at(factor, step)
        )

    __rmul__ = __mul__


class Objective(NamedTuple):
    """A named sum of terms, `L = sum_i w_i(step) * mean_i`.

    * `init(key, student, teacher, batch) -> {term: Aux}`
    * `count(batch) -> {term: scalar}`: examples or tokens in this batch.
    * `compute(student, teacher, batch, *, params, applied, aux, step, key,
      counts=None) -> (loss, metrics)`. `metrics` maps a term's name, and 'loss', to
      `(sum, count)` in float32. `counts` are the counts of the whole step where this
      batch is one part of it (micro-batches, devices); by default this batch's own.
    * `update(aux, student, teacher, batch, *, step) -> {term: Aux}`
    """

    init: Callable[..., Mapping[str, Aux]]
    count: Callable[[Batch], Mapping[str, Any]]
    compute: Callable[..., tuple[Any, Mapping[str, tuple[Any, Any]]]]
    update: Callable[..., Mapping[str, Aux]]


class Metric(NamedTuple):
    """A figure over a whole data set, from sums that add over batches and devices.

    * `sums(student, teacher, batch) -> tree`: padded examples add nothing.
    * `finish(tree) -> float | array`
    """

    sums: Callable[..., Tree]
    finish: Callable[[Tree], Any]


class Compression(NamedTuple):
    """A transformation of parameters: optax for what the model sees.

    * `init(params, *, key, products=None) -> (learned, state)`: `learned` are leaves
      that training moves (step sizes, centroids), often `()`. `products` says how
      matrix products and convolutions read each weight (`ops.uses`): the default of
      `where`, and which axes are summed over, kept, or number layers.
    * `update(params, learned, state, *, step, grads=None, stats=None, key=None) ->
      (params, learned, state)`: masks, ranges, assignments. `grads` are taken at the
      applied parameters; `stats` come from calibration, an `Observed` by weight path.
    * `apply(params, learned, state) -> params`: what the model sees.
    * `encode(params, learned, state) -> {path: Encoded}` for every leaf; decoding
      gives what `apply` gives, bit for bit.
    * `trainable(params, learned, state) -> tree like params`: what the optimiser may
      move; each leaf True, False or an array of booleans.
    * `kinds`: which kinds of change it makes, in order; `chain` refuses wrong orders.
    * `statistics`: what it needs to know of the inputs of products, as `ops.observe`
      takes them; `train.calibrate` finds them.
    """

    init: Callable[..., tuple[Tree, Tree]]
    update: Callable[..., tuple[Tree, Tree, Tree]]
    apply: Callable[..., Tree]
    encode: Callable[..., Mapping[str, Any]]
    trainable: Callable[..., Tree]
    kinds: tuple[str, ...] = ()
    statistics: tuple[Callable[..., Any], ...] = ()


class Observed(NamedTuple):
    """What calibration has observed of the inputs of one layer of a weight.

    * `axes`, `index`: which axes of the weight number layers, and which layer it is.
    * `values`: statistics by name; those like the weight lack `axes`.
    """

    axes: tuple[int, ...]
    index: tuple[Any, ...]
    values: Mapping[str, Any]


class State(NamedTuple):
    """Everything a run needs to go on; arrays only, so it is its own checkpoint.

    `bad` is the first step whose loss or gradient was not finite, -1 while there is
    none; from that step on nothing but `step` changes.
    """

    step: Any
    params: Tree
    learned: Tree
    model_state: Tree
    opt_state: Tree
    compression: Tree
    aux: Tree
    key: Any
    bad: Any


class Learner(NamedTuple):
    """One training recipe.

    * `init(key, batch, frozen=None) -> State`
    * `teach(batch, frozen) -> batch`: joins the teacher's outputs to the batch. They
      do not depend on the student, so a loop may compute them for many steps at once.
    * `step(state, batch, frozen=None) -> (state, metrics)`
    * `finish(state) -> Frozen`: the student as the model sees it.
    * `encode(state) -> {path: Encoded}`: the student as `pack` writes it.
    * `explain(state, batch, frozen=None) -> str`: which loss or gradient is not finite.
    """

    init: Callable[..., State]
    teach: Callable[..., Batch]
    step: Callable[..., tuple[State, Mapping[str, tuple[Any, Any]]]]
    finish: Callable[[State], Frozen]
    encode: Callable[[State], Mapping[str, Any]]
    explain: Callable[..., str]


class Split(NamedTuple):
    """One part of a data set, readable by index in any order.

    * `take(indices) -> Batch`: host arrays of these examples, with `id`, without
      `mask`.
    * `arrays`: the whole split where it fits in memory (the on-device path gathers
      from it), else None.
    * `classes`: the names of the labels, in order.
    """

    size: int
    take: Callable[[Any], Batch]
    arrays: Batch | None
    classes: tuple[str, ...]


class DataSet(NamedTuple):
    """Splits that share their preparation.

    `train` trains, `valid` picks the best checkpoint, `test` is only reported.
    `prepare` turns raw examples (texts, images) into `inputs` for prediction, and
    `info` holds what rows record about the data (counts, versions, the fold).
    """

    train: Split
    valid: Split
    test: Split
    prepare: Callable[[Any], Batch]
    info: Mapping[str, Any] = {}
