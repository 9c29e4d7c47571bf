"""Whether a loss takes what a term gives it, found out when the term is made."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from jdistill.mends import near


def names_of(
    loss: Callable[..., Any], positional: int, given: Collection[str]
) -> list[str]:
    """The names of the arguments that a loss is given by position.

    Args:
        loss: a function.
        positional: how many arguments it is given by position.
        given: the names of the others.

    Returns:
        As many names as `positional`.

    Raises:
        TypeError: it is no function, takes no such argument, or lacks one.
        ValueError: it has a mask and is given none, so that padding would count.

    Example:
        >>> names_of(lambda student, teacher, *, alpha: student, 2, ['alpha'])
        ['student', 'teacher']
    """
    if not callable(loss):
        raise TypeError(
            f"a loss is a function of arrays, such as losses.kl; got {loss!r}"
        )
    try:
        parameters = inspect.signature(loss).parameters
    except ValueError:  # some callables of C have no signature
        return [str(n) for n in range(positional)]
    places = [p.name for p in parameters.values() if p.kind in (0, 1)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        places += [str(n) for n in range(len(places), positional)]
    what = getattr(loss, "__name__", "the loss")
    if positional > len(places):
        raise TypeError(
            f"{what} takes {len(places)} arrays by position, got {positional}"
        )
    _check_names(what, parameters, places[:positional], given)
    return places[:positional]


def check_tokens(
    loss: Callable[..., Any], given: Collection[str], batch: Mapping[str, Any]
) -> None:
    """Refuses padded tokens that a loss would count, because it was not given the mask.

    Raises:
        ValueError: the batch has a mask of tokens, and the loss takes one.

    Example:
        >>> check_tokens(lambda s, t, *, token_mask=None: s, ['token_mask'], {})
    """
    if "token_mask" not in batch or "token_mask" in given:
        return
    try:
        parameters = inspect.signature(loss).parameters
    except ValueError:
        return
    if "token_mask" in parameters:
        raise ValueError(
            f"{getattr(loss, '__name__', 'the loss')} relates tokens, and the batch "
            "has 'token_mask': token_mask=token_mask() leaves padding out, "
            "token_mask=None says that the features are not of tokens"
        )


def _check_names(
    what: str, parameters: Mapping[str, Any], taken: list[str], given: Collection[str]
) -> None:
    names = [p.name for p in parameters.values() if p.kind in (1, 3)]
    free = [name for name in names if name not in taken]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in given:
        if name not in free and not open_ended:
            raise TypeError(
                f"{what} takes no argument {name!r}; {near(name, free)}"
                f"valid: {', '.join(free)}"
            )
    for name in free:
        if name in given:
            continue
        if name == "mask":
            raise ValueError(
                f"{what} relates the rows of a batch: mask=example_mask() leaves "
                "padding out, mask=None says that there is none"
            )
        if parameters[name].default is inspect.Parameter.empty:
            raise TypeError(f"{what} needs {name}=: a source or a number")
