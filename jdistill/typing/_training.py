"""One recipe and the state of its run."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jdistill.typing._networks import Frozen
from jdistill.typing._short import maker_of, size_of
from jdistill.typing._values import Batch, Key, Tree

Variables = Frozen | Mapping[str, Frozen] | None
"""Of networks that are not trained, by name; one `Frozen` is the teacher's. Under
'student' those parameters of the student that are given and never trained."""


class State(NamedTuple):
    """Everything a run needs to go on; arrays only, so it is its own checkpoint.

    `followers` are what networks that follow the student keep, by name.
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
    followers: Tree
    key: Any
    bad: Any

    def __repr__(self) -> str:
        return f"State(step {self.step}, {size_of(self.params)})"


@runtime_checkable
class Init(Protocol):
    """The state before the first step."""

    def __call__(
        self,
        key: Key,
        batch: Batch,
        frozen: Variables = None,
        /,
        *,
        start: Frozen | None = None,
    ) -> State:
        """Fresh, or from the variables `start`."""
        ...


@runtime_checkable
class Teach(Protocol):
    """What frozen networks say of a batch."""

    def __call__(self, batch: Batch, frozen: Variables = None, /) -> Batch:
        """The batch with their `outputs`."""
        ...


@runtime_checkable
class Step(Protocol):
    """One step of training."""

    def __call__(
        self, state: State, batch: Batch, frozen: Variables = None, /
    ) -> tuple[State, Mapping[str, tuple[Any, Any]]]:
        """`(state, metrics)`, metrics as `(sum, count)` by name."""
        ...


class Finish(Protocol):
    """The student of a state."""

    def __call__(self, state: State, frozen: Variables = None, /) -> Frozen:
        """Its variables, or their encoded forms."""
        ...


class Explain(Protocol):
    """Why a step was not finite."""

    def __call__(self, state: State, batch: Batch, frozen: Variables = None, /) -> str:
        """One line that names the loss or the gradient."""
        ...


class Learner(NamedTuple):
    """One training recipe.

    `frozen` are the variables of the other networks by name, `{'teacher': Frozen}`; one
    `Frozen` is the teacher's. Under 'student' it holds those parameters of the student
    that are given: they are never trained and are no part of the state.

    * `init(key, batch, frozen=None, *, start=None) -> State`: from the variables
      `start`, fresh ones by default.
    * `teach(batch, frozen) -> batch`: joins to `batch['outputs']` what the terms read
      of frozen networks and the batch does not hold. It does not depend on the
      student, so a loop may compute it for many steps at once.
    * `step(state, batch, frozen=None) -> (state, metrics)`
    * `finish(state, frozen=None) -> Frozen`: the student as the model sees it.
    * `encode(state, frozen=None) -> Frozen({path: Encoded}, state)`: the student as
      `pack` writes it.
    * `explain(state, batch, frozen=None) -> str`: which loss or gradient is not finite.
    * `name`: what its text says of it.
    """

    init: Init
    teach: Teach
    step: Step
    finish: Finish
    encode: Finish
    explain: Explain
    name: str = ""

    def __repr__(self) -> str:
        return f"Learner({self.name or maker_of(self.step)})"
