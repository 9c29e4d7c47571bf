"""From a configuration to a call: the only reader of component names."""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from jdistill.mends import near


def build(namespace: Any, spec: Any, kind: Any = None, /, **extra: Any) -> Any:
    """Calls the public member that a configuration names.

    `build(namespace, {'name': n, **kw}, kind, **extra) = namespace.n(**kw, **extra)`

    Args:
        namespace: a module whose `__all__` lists its public members.
        spec: `name` and the member's own keyword arguments; a dictionary or a
            `ConfigDict`.
        kind: what is asked for, such as `DataSet`: members whose return annotation is
            another are not offered. None offers all.
        **extra: arguments that the experiment knows and a configuration does not, such
            as the number of classes.

    Returns:
        What the member returns.

    Raises:
        ValueError: no `name`, no such member, or an argument that the member does not
            take, lacks, or gets twice. The message lists the valid ones.

    Example:
        >>> from types import SimpleNamespace
        >>> shapes = SimpleNamespace(__all__=['square'], square=lambda *, side: side**2)
        >>> build(shapes, {'name': 'square', 'side': 3})
        9
        >>> build(shapes, {'name': 'square', 'size': 3})
        Traceback (most recent call last):
        ValueError: square takes no argument 'size'; did you mean 'side'? valid: side
    """
    if not isinstance(spec, Mapping) and not hasattr(spec, "items"):
        raise TypeError(f"{_place(namespace)}: give {{'name': ...}}, got {spec!r}")
    arguments = dict(spec)
    names = sorted(n for n in namespace.__all__ if _makes(namespace, n, kind))
    if "name" not in arguments:
        raise ValueError(
            f"{_place(namespace)}: 'name' is missing; valid: {_all(names)}"
        )
    name = arguments.pop("name")
    if name not in names:
        where = _place(namespace)
        raise ValueError(f"{where} has no {name!r}; {_valid(str(name), names)}")
    member = getattr(namespace, name)
    twice = sorted(set(arguments) & set(extra))
    if twice:
        raise ValueError(f"{name}: the experiment sets {twice[0]!r}; leave it out")
    arguments |= extra
    _check(name, inspect.signature(member).parameters, arguments)
    return member(**arguments)


def _makes(namespace: Any, name: str, kind: Any) -> bool:
    if kind is None:
        return True
    member = inspect.unwrap(getattr(namespace, name))
    plain = callable(member) and not isinstance(member, type)
    return plain and inspect.signature(member).return_annotation == kind


def _check(name: str, parameters: Mapping[str, Any], arguments: Mapping[str, Any]):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    takes = {key: p for key, p in parameters.items() if p.kind in kinds}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [key for key in arguments if key not in takes]
    if unknown and not open_ended:
        close = _valid(unknown[0], list(takes))
        raise ValueError(f"{name} takes no argument {unknown[0]!r}; {close}")
    for key, parameter in takes.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise ValueError(f"{name} needs {key!r}; its arguments: {_all(takes)}")


def _valid(wrong: str, names: list[str]) -> str:
    return f"{near(wrong, names)}valid: {_all(names)}"


def _all(names: Collection[str]) -> str:
    return ", ".join(names) or "none"


def _place(namespace: Any) -> str:
    return getattr(namespace, "__name__", "namespace").removeprefix("jdistill.")
