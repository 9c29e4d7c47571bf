"""Networks, and what a step may read of them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax

from jdistill.typing._short import maker_of, size_of
from jdistill.typing._values import Batch, Key, Tree


class SparseTarget(NamedTuple):
    """Some classes of a distribution over many: what a cache of tokens keeps.

    * `ids`: int32 `[batch, ..., k]`, each class at most once; -1 fills a row that has
      fewer.
    * `log_p`: `[batch, ..., k]`, their log-probabilities; -inf where `ids` is -1.
    * `log_tail`: `[batch, ...]`, the logarithm of what all other classes have together;
      None where the classes named are all that the distribution has.
    """

    ids: Any
    log_p: Any
    log_tail: Any = None


class Outputs(NamedTuple):
    """What one forward pass yields, examples along the first axis of each array.

    * `logits`: `[batch, ..., classes]`, None where a network gives none.
    * `features`: arrays by the names of their taps.
    * `hidden`: `[batch, ..., dim]`, what the last matrix makes logits of, None where a
      network does not offer it.
    * `sparse`: a `SparseTarget` of its distribution, None where there is none; caches
      do.
    """

    logits: Any = None
    features: Mapping[str, Any] = {}
    hidden: Any = None
    sparse: SparseTarget | None = None


@runtime_checkable
class Apply(Protocol):
    """One forward pass of a network: `Outputs`, and the state after it."""

    def __call__(
        self,
        params: Tree,
        state: Tree,
        batch: Batch,
        /,
        *,
        train: bool = False,
        key: Any = None,
    ) -> tuple[Outputs, Tree]:
        """Computes the outputs; `key` draws what is random, as dropout is."""
        ...


class StartDecoding(Protocol):
    """A cache for texts that are to be read."""

    def __call__(
        self,
        params: Tree,
        state: Tree,
        batch: Batch,
        length: int,
        /,
        *,
        dtype: Any = ...,
    ) -> Tree:
        """Room for `length` tokens in each row, nothing read."""
        ...


class Decoding(NamedTuple):
    """How a network of texts goes on from what it has read, without reading it again.

    * `start(params, state, batch, length, *, dtype) -> cache`: room for `length` tokens
      in each row of the batch; of a batch with `source` that is read here, once. The
      cache is a dictionary of arrays; its `length` `[batch]` counts the tokens that
      each row has read.
    * `step(params, state, cache, tokens, count) -> (logits, cache)`: reads the first
      `count` `[batch]` of `tokens` `[batch, steps]` in each row; `logits`
      `[batch, vocab]` are those of the token after them.
    """

    start: StartDecoding
    step: Callable[[Tree, Tree, Tree, Any, Any], tuple[Any, Tree]]


class Model(NamedTuple):
    """A network as pure functions.

    * `init(key, batch) -> (params, state)`
    * `apply(params, state, batch, *, train=False, key=None) -> (Outputs, state)`
    * `head(params) -> [dim, classes]`: the matrix that makes logits of
      `Outputs.hidden`, None where a network does not offer it.
    * `decoding`: how it goes on from a cache, None where it only reads whole texts.
    * `cap`: c where its logits are `c tanh(z / c)` of those that the head makes.
    * `words`: how many of its logits, the first, are of real ids, where the rest pads a
      vocabulary and means nothing; None for all.
    * `spec`: what `build(models, ...)` makes it of, as JSON; None for a network of
      one's own. Networks of other variables (`models.lora`, `models.peers`) have none.
    * `name`: what its text says of it.

    `state` carries what a forward pass changes (batch statistics), `{}` where nothing
    is; `key` is for dropout.
    """

    init: Callable[[Key, Batch], tuple[Tree, Tree]]
    apply: Apply
    head: Callable[[Tree], Any] | None = None
    decoding: Decoding | None = None
    cap: float | None = None
    words: int | None = None
    spec: str | None = None
    name: str = ""

    def __repr__(self) -> str:
        return f"Model({self.name or maker_of(self.apply)})"


class Frozen(NamedTuple):
    """A trained network's variables, passed to every step as data, never closed over.

    Closing over 100 million parameters makes them constants of the program: 7 seconds
    to compile where an argument takes 0.04.
    """

    params: Tree
    state: Tree = {}

    def __repr__(self) -> str:
        state = jax.tree.leaves(self.state) and f"; state {size_of(self.state)}"
        return f"Frozen({size_of(self.params)}{state or ''})"


class UpdateFollower(Protocol):
    """What a follower makes of the student after a step."""

    def __call__(self, tree: Tree, student: Frozen, /, *, step: Any) -> Tree:
        """Its own tree, of the same form."""
        ...


class Follower(NamedTuple):
    """A network whose variables follow those of the student, such as their mean.

    * `init(student) -> tree` and `update(tree, student, *, step) -> tree`: `student`
      is a `Frozen` of the raw parameters; the step of the first update is 1. The tree
      is part of the state of a run.
    * `variables(tree) -> Frozen`: those of the network now.
    * `model`: the network, the student's own by default.
    """

    init: Callable[[Frozen], Tree]
    update: UpdateFollower
    variables: Callable[[Tree], Frozen]
    model: Model | None = None


class View(NamedTuple):
    """What terms and metrics may read of one network in one step.

    * `outputs`: of the batch; only what is needed of them is computed.
    * `params`: the parameters that it computed with.
    * `raw`: for the student, its parameters before the compression.
    * `head`: `[dim, classes]`, what makes logits of `outputs.hidden`.
    * `cap`: c where logits are `c tanh(z / c)` of what the head makes.
    * `words`: how many logits are of real ids, None for all.
    * `run(batch) -> Outputs`: the network on other inputs, with its parameters fixed
      and nothing random.
    """

    outputs: Outputs = Outputs()
    params: Tree = None
    raw: Tree = None
    head: Any = None
    run: Callable[[Batch], Outputs] | None = None
    cap: float | None = None
    words: int | None = None


Views = Mapping[str, View]
"""Views by the names of the networks; the one that learns is 'student'."""

Needs = frozenset[tuple[str, str]] | None
"""What is read of networks, as (network, part): 'logits', 'hidden', 'sparse', 'head',
'params', 'raw', 'run' or 'features/<tap>'. None stands for all outputs."""
