"""Which numbers and words a function accepts, said in one line where it does not.

Each check is given its values by name, `above_zero(temperature=temperature)`. What is
traced passes: a sweep's numbers are not known yet.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def above_zero(**values: Any) -> None:
    """Refuses what is not a finite number above 0.

    Raises:
        ValueError: names the value.

    Example:
        >>> above_zero(temperature=0.0)
        Traceback (most recent call last):
        ValueError: temperature must be above 0, got 0.0
    """
    _all_are("above 0", lambda x: x > 0, values)


def not_negative(**values: Any) -> None:
    """Refuses what is not a finite number from 0.

    Raises:
        ValueError: names the value.

    Example:
        >>> not_negative(margin=0)
    """
    _all_are("0 or more", lambda x: x >= 0, values)


def one_or_more(**values: Any) -> None:
    """Refuses what is not a finite number from 1.

    Raises:
        ValueError: names the value.

    Example:
        >>> one_or_more(p=1.5)
    """
    _all_are("1 or more", lambda x: x >= 1, values)


def finite(**values: Any) -> None:
    """Refuses what is not a finite number.

    Raises:
        ValueError: names the value.

    Example:
        >>> finite(beta=-8)
    """
    _all_are("a finite number", lambda x: True, values)


def fraction(**values: Any) -> None:
    """Refuses what is not a number from 0 to below 1.

    Raises:
        ValueError: names the value.

    Example:
        >>> fraction(dropout=1.0)
        Traceback (most recent call last):
        ValueError: dropout must be from 0 to below 1, got 1.0
    """
    _all_are("from 0 to below 1", lambda x: 0 <= x < 1, values)


def share(**values: Any) -> None:
    """Refuses what is not a number above 0 and below 1.

    Raises:
        ValueError: names the value.

    Example:
        >>> share(beta=0.5)
    """
    _all_are("above 0 and below 1", lambda x: 0 < x < 1, values)


def zero_to_one(**values: Any) -> None:
    """Refuses what is not a number from 0 to 1.

    Raises:
        ValueError: names the value.

    Example:
        >>> zero_to_one(alpha=9)
        Traceback (most recent call last):
        ValueError: alpha must be from 0 to 1, got 9
    """
    _all_are("from 0 to 1", lambda x: 0 <= x <= 1, values)


def whole(*, least: int = 1, most: int | None = None, **values: Any) -> None:
    """Refuses what is not a whole number in a range.

    Args:
        least: the least that it may be.
        most: the most, None for no end.
        **values: the numbers by name.

    Raises:
        ValueError: names the value.

    Example:
        >>> whole(num_bins=2.5)
        Traceback (most recent call last):
        ValueError: num_bins must be a whole number from 1, got 2.5
    """
    said = f"a whole number from {least}" + ("" if most is None else f" to {most}")
    for name, value in values.items():
        integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not integer or value < least or (most is not None and value > most):
            raise ValueError(f"{name} must be {said}, got {_text(value)}")


def sizes(**values: Any) -> None:
    """Refuses a size, or one of several, that is not a whole number from 1.

    Raises:
        ValueError: names the size.

    Example:
        >>> sizes(classes=10, widths=[5, 0])
        Traceback (most recent call last):
        ValueError: widths must be whole numbers from 1, got [5, 0]
    """
    for name, size in values.items():
        if not isinstance(size, list | tuple):
            whole(**{name: size})
        elif not all(isinstance(n, int) and n is not True and n > 0 for n in size):
            raise ValueError(f"{name} must be whole numbers from 1, got {size!r}")


def one_of(choices: Sequence[Any], **values: Any) -> None:
    """Refuses what is not one of the choices.

    Raises:
        ValueError: names the value and the choices.

    Example:
        >>> one_of(('channel', 'tensor'), per='row')
        Traceback (most recent call last):
        ValueError: per must be one of 'channel', 'tensor', got 'row'
    """
    for name, value in values.items():
        if not any(value is choice or value == choice for choice in choices):
            valid = ", ".join(map(repr, choices))
            raise ValueError(f"{name} must be one of {valid}, got {_text(value)}")


def check_key(key: Any) -> None:
    """Refuses what is no random key.

    Raises:
        TypeError: such as for a seed.

    Example:
        >>> check_key(0)
        Traceback (most recent call last):
        TypeError: key must be one that jax.random.key(0) makes, got 0
    """
    typed = hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    raw = getattr(key, "dtype", None) == np.uint32
    if not typed and not raw:
        said = "one that jax.random.key(0) makes"
        raise TypeError(f"key must be {said}, got {_text(key)}")


def known(value: Any) -> bool:
    """Whether a number can be checked: not inside a trace.

    Example:
        >>> known(0.5)
        True
    """
    return not isinstance(value, Tracer)


def constants(**values: Any) -> dict[str, Any]:
    """The values that are no schedules, to be checked; a function's are not known yet.

    Example:
        >>> constants(alpha=0.9, temperature=lambda step: 1 + step)
        {'alpha': 0.9}
    """
    return {name: value for name, value in values.items() if not callable(value)}


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None, to be checked.

    Example:
        >>> given(dim=3, width=None)
        {'dim': 3}
    """
    return {name: value for name, value in values.items() if value is not None}


def _all_are(said: str, within: Callable[[float], bool], values: dict[str, Any]):
    for name, value in values.items():
        if not known(value):
            continue
        number = _number(value)
        if not math.isfinite(number) or not within(number):
            raise ValueError(f"{name} must be {said}, got {_text(value)}")


def _number(value: Any) -> float:
    """As a float, whatever library it is of; NaN for what is no number."""
    one = isinstance(value, int | float | np.number) or getattr(value, "shape", 1) == ()
    if not one or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _text(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text.splitlines()[0] if text else repr(value)
