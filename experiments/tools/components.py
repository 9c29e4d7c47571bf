"""From a configuration to a component: a public name, or a function of one's own."""

import importlib
import inspect
from types import SimpleNamespace
from typing import Any

from jdistill.build import build as build_public


def build(namespace: Any, spec: Any, kind: Any = None, /, **extra: Any) -> Any:
    """Calls the component that a configuration names.

    `{'name': 'magnitude', ...}` is a public member of the namespace and
    `{'name': 'my_package.nets:small', ...}` a function of any module that can be
    imported; both take the other entries as keyword arguments. Only configurations may
    say so: a file that `jdistill.load` reads is never given to this function.

    Args:
        namespace: as for `jdistill.build`.
        spec: `name` and the component's own keyword arguments.
        kind: what the public member must return.
        **extra: arguments that the experiment knows and a configuration does not.

    Returns:
        What the component returns.

    Raises:
        ValueError: no such module or function, an argument that it does not take, or a
            result of another kind.

    Example:
        >>> build(None, {'name': 'math:isclose', 'a': 1, 'b': 1})
        True
    """
    member = own(spec)
    if member is None:
        return build_public(namespace, spec, kind, **extra)
    name = spec["name"]
    there = SimpleNamespace(__all__=[name], __name__=name.split(":")[0])
    setattr(there, name, member)
    made = build_public(there, spec, **extra)
    if kind is not None and not isinstance(made, kind):
        raise ValueError(f"{name!r} must return a {kind.__name__}, got {type(made)}")
    return made


def own(spec: Any) -> Any:
    """The function that `module:function` names, None for a public name.

    Example:
        >>> own({'name': 'digits'}) is None
        True
    """
    name = spec.get("name") if hasattr(spec, "get") else None
    if not isinstance(name, str) or ":" not in name:
        return None
    module, _, function = name.partition(":")
    try:
        member = getattr(importlib.import_module(module), function)
    except ImportError as error:
        raise ValueError(f"{name!r}: module {module!r}: {error}") from error
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"{name!r}: {module!r} has no function {function!r}"
        ) from error
    if not callable(member):
        raise ValueError(f"{name!r} is {type(member).__name__}, no function")
    return member


def takes(namespace: Any, spec: Any) -> frozenset[str]:
    """The names of the arguments of a component, none where there is no such one.

    Example:
        >>> takes(None, {'name': 'math:isclose'}) >= {'a', 'b'}
        True
    """
    member = own(spec) or getattr(namespace, str(spec.get("name")), None)
    return frozenset(inspect.signature(member).parameters if member else ())
