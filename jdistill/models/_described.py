"""What a network of this library was made of, kept with it."""

import functools
import inspect
import json
from collections.abc import Callable
from typing import Any, ParamSpec

import jax.numpy as jnp

from jdistill.typing import Model

P = ParamSpec("P")


def described(make: Callable[P, Model]) -> Callable[P, Model]:
    """A factory whose models say in `Model.spec` what makes them again.

    Args:
        make: a public factory of keyword arguments.

    Returns:
        The same factory; `spec` is None where an argument is no plain value.

    Example:
        >>> @described
        ... def square(*, side, dtype=None):
        ...     return Model(None, None)
        >>> square(side=3, dtype=jnp.float32).spec
        '{"name": "square", "side": 3, "dtype": "float32"}'
    """
    signature = inspect.signature(make)

    @functools.wraps(make)
    def factory(*args: P.args, **kwargs: P.kwargs) -> Model:
        model = make(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        return model._replace(spec=_spec(make.__name__, given))

    return factory


def _spec(name: str, given: dict[str, Any]) -> str | None:
    try:
        return json.dumps({"name": name, **given}, default=_plain)
    except TypeError:  # such as a number that is traced
        return None


def _plain(value: Any) -> Any:
    if hasattr(value, "as_dict"):  # a configuration
        return value.as_dict()
    if isinstance(value, type) or hasattr(value, "newbyteorder"):
        return jnp.dtype(value).name
    if not hasattr(value, "item"):
        raise TypeError(f"{value!r} is no plain value")
    return value.item()  # a number of NumPy
