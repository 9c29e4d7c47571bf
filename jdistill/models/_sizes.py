"""Which sizes and types a network accepts."""

from typing import Any

import jax.numpy as jnp


def sequence(**values: Any) -> None:
    """Refuses one number, or a word, where several numbers are wanted.

    Raises:
        ValueError: names the value.

    Example:
        >>> sequence(widths=8)
        Traceback (most recent call last):
        ValueError: widths must be several numbers, such as (8, 8), got 8
    """
    for name, value in values.items():
        if not isinstance(value, list | tuple):
            said = "several numbers, such as (8, 8)"
            raise ValueError(f"{name} must be {said}, got {value!r}")


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
