"""Features by name: what the taps of a model read."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def read_taps(
    wanted: Sequence[str],
    captured: Mapping[str, tuple[Any, ...]],
    everything: Callable[[], Mapping[str, tuple[Any, ...]]],
) -> dict[str, Any]:
    """The wanted features from what a forward pass captured.

    Args:
        wanted: names of taps; `name` is the value of a layer's first call, `name#1`
            of its second.
        captured: the values of each call, by name.
        everything: gives all that could be captured; called for the message only.

    Raises:
        ValueError: there is no such tap.

    Example:
        >>> read_taps(['a', 'b#1'], {'a': (1,), 'b': (2, 3)}, dict)
        {'a': 1, 'b#1': 3}
    """
    found = _calls(captured)
    for name in wanted:
        if name not in found:
            valid = sorted(_calls(everything()))
            raise ValueError(f"no tap {name!r}; {_near(name, valid)}")
    return {name: found[name] for name in wanted}


def _calls(captured: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {
        f"{name}#{n}" if n else name: value
        for name, calls in captured.items()
        for n, value in enumerate(calls)
    }


def _near(wanted: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(wanted, valid, n=3, cutoff=0.4)
    close += [name for name in valid if wanted in name and name not in close]
    return (f"did you mean {close}? " if close else "") + f"valid names: {valid}"
