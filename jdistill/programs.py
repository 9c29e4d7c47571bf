"""Compiled programs that live as long as the function they were made of."""

import functools
import weakref
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

MOST = 32
"""How many programs are kept of one function, the latest used."""


def kept(make: Callable[P, R]) -> Callable[P, R]:
    """Keeps what `make(function, *rest)` returns for as long as the function lives.

    Where `functools.lru_cache` holds a program, and the model or recipe it was made of,
    until the process ends, this one belongs to the function: whoever drops the function
    (a model's `apply`, a learner's `step`) drops its programs.

    Args:
        make: builds a program; it gets a stand-in for the function, which may be called
            while the function lives, and hashable arguments.

    Returns:
        The same function, which builds each program once.

    Example:
        >>> double = lambda x: 2 * x
        >>> twice = kept(lambda function, times: [function] * times)
        >>> twice(double, 2) is twice(double, 2)
        True
    """
    programs: Any = weakref.WeakKeyDictionary()

    @functools.wraps(make)
    def of(*args: P.args, **kwargs: P.kwargs) -> R:
        function, *rest = args
        if function not in programs:
            stand_in = _while_it_lives(weakref.ref(function))
            build = functools.partial(make, stand_in)
            programs[function] = functools.lru_cache(maxsize=MOST)(build)
        return programs[function](*rest, **kwargs)

    return of


def _while_it_lives(reference: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return reference()(*args, **kwargs)

    return call
