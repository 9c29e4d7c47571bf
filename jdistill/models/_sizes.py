"""Which sizes and rates a network accepts."""

from typing import Any

import jax.numpy as jnp


def positive(**sizes: Any) -> None:
    """Refuses a size, or one of several, that is not a whole number from 1.

    Raises:
        ValueError: names the size.

    Example:
        >>> positive(classes=10, widths=[5, 0])
        Traceback (most recent call last):
        ValueError: widths must be whole numbers from 1, got [5, 0]
    """
    for name, size in sizes.items():
        several = isinstance(size, list | tuple)
        for number in size if several else [size]:
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                what = "whole numbers" if several else "a whole number"
                raise ValueError(f"{name} must be {what} from 1, got {size!r}")


def rates(**values: Any) -> None:
    """Refuses a rate of dropout outside `[0, 1)`.

    Raises:
        ValueError: names the rate.

    Example:
        >>> rates(dropout=1.0)
        Traceback (most recent call last):
        ValueError: dropout must be from 0 to below 1, got 1.0
    """
    for name, rate in values.items():
        if not 0 <= rate < 1:
            raise ValueError(f"{name} must be from 0 to below 1, got {rate!r}")


def float_type(dtype: Any, *, name: str = "dtype") -> Any:
    """The type a network computes in, from its name; None stands for no one type.

    Raises:
        ValueError: not a floating point type.

    Example:
        >>> float_type('bfloat16')
        dtype(bfloat16)
    """
    if dtype is None:
        return None
    valid = ("float32", "bfloat16", "float16", "float64")
    try:
        found = jnp.dtype(dtype).name
    except TypeError:
        found = None
    if found not in valid:
        raise ValueError(f"{name} must be one of {valid}, got {dtype!r}")
    return jnp.dtype(dtype)
