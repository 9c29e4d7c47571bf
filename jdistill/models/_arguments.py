"""What a network is called with: entries of the batch, and the mode."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from jdistill.typing import Batch

TRAINS = ("train", "training", "is_training")
RESTS = ("deterministic", "use_running_average")


def entries(batch: Batch, names: Sequence[str]) -> list[Any]:
    """The named entries of a batch.

    Raises:
        ValueError: the batch lacks one.
        TypeError: one is a list.

    Example:
        >>> entries({'inputs': 1, 'label': 2}, ['inputs'])
        [1]
    """
    for name in names:
        if name not in batch:
            raise ValueError(
                f"the model reads {name!r} from the batch, which has {sorted(batch)}"
            )
        if isinstance(batch[name], list | tuple):
            kind = type(batch[name]).__name__
            raise TypeError(f"batch[{name!r}] must be an array, got a {kind}")
    return [batch[name] for name in names]


def names(**values: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several, as a tuple.

    Raises:
        TypeError: neither, with the name of the argument.

    Example:
        >>> names(inputs='x'), names(taps=['a', 'b'])
        (('x',), ('a', 'b'))
    """
    ((name, value),) = values.items()
    if isinstance(value, str):
        return (value,)
    several = isinstance(value, Iterable)
    if not several or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name} must be a name or several, got {value!r}")
    return tuple(value)


def refuse_hidden(call: Callable[..., Any]) -> None:
    """Refuses a network that takes any keyword and names no mode.

    It would never be told that it trains, and its dropout would be off in silence.

    Raises:
        ValueError: with what to name.

    Example:
        >>> refuse_hidden(lambda x, train=False, **more: x)
        >>> refuse_hidden(lambda x, **more: x)
        Traceback (most recent call last):
        ValueError: the network takes **more, which hides whether it has a mode: ...
    """
    parameters = inspect.signature(call).parameters
    rest = [p.name for p in parameters.values() if p.kind is p.VAR_KEYWORD]
    if rest and not {*TRAINS, *RESTS} & {*parameters}:
        raise ValueError(
            f"the network takes **{rest[0]}, which hides whether it has a mode: name "
            "train=False (or deterministic...), or wrap it in a function without **"
        )


@runtime_checkable
class Supply(Protocol):
    """The keywords that a network takes, of a batch."""

    def __call__(self, batch: Batch, /, *, train: bool, **more: Any) -> dict[str, Any]:
        """By name; `more` are those that no batch has, such as a key."""
        ...


def keywords(call: Callable[..., Any], *, after: int) -> Supply:
    """Finds, once, which keywords a network takes and where their values come from.

    The mode goes to `train` (`training`, `is_training`) and, negated, to
    `deterministic` and `use_running_average`; `mask` gets the batch's `token_mask`, and
    any other parameter the entry of the batch of its name, where there is one.

    Args:
        call: the network's function; its signature is read.
        after: the number of leading parameters that are passed by position.

    Returns:
        `supply(batch, *, train, **more) -> keywords`, which raises ValueError if a
        parameter without a default gets no value. What is given as `more`, such as
        `key`, a parameter without a default also gets where it is None.

    Example:
        >>> supply = keywords(lambda x, train, mask=None: x, after=1)
        >>> supply({'inputs': 0}, train=True), supply({'token_mask': 1}, train=False)
        ({'train': True}, {'train': False, 'mask': 1})
    """
    parameters = list(inspect.signature(call).parameters.values())[after:]
    taken = [
        p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]

    def supply(batch: Batch, *, train: bool, **more: Any) -> dict[str, Any]:
        given = {**batch, **dict.fromkeys(TRAINS, train)}
        given |= {**dict.fromkeys(RESTS, not train), "mask": batch.get("token_mask")}
        given |= more
        bare = {p.name for p in taken if p.default is p.empty and p.name in more}
        found = {
            p.name: given[p.name]
            for p in taken
            if given.get(p.name) is not None or p.name in bare
        }
        for p in taken:
            if p.default is p.empty and p.name not in found:
                source = "token_mask" if p.name == "mask" else p.name
                raise ValueError(
                    f"the model needs {p.name!r}, and the batch has no {source!r}; "
                    f"it has {sorted(batch)}"
                )
        return found

    return supply
