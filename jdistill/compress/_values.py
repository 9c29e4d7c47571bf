"""Checks of hyperparameters, in one place: concrete values only."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer


def check_fraction(name: str, value: Any) -> None:
    """Refuses a concrete number outside [0, 1).

    Traced numbers and schedules pass: their values are not known yet.

    Raises:
        ValueError: the value is out of range.

    Example:
        >>> check_fraction('sparsity', 0.5)
    """
    if callable(value) or isinstance(value, Tracer):
        return
    if not 0 <= float(value) < 1:  # NaN is refused too
        raise ValueError(f"{name} must be at least 0 and less than 1, got {value}")


def check_positive(name: str, value: int) -> None:
    """Refuses an integer less than 1.

    Raises:
        ValueError: the value is less than 1.

    Example:
        >>> check_positive('every', 100)
    """
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses a word that is not one of the choices.

    Raises:
        ValueError: the value is no choice.

    Example:
        >>> check_choice('per', 'channel', ('channel', 'tensor'))
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {[*choices]}, got {value!r}")


def refuse_weights(weights: Mapping[str, Any]) -> None:
    """Refuses concrete weights that are not finite; traced ones pass.

    Raises:
        ValueError: one is NaN or infinite.

    Example:
        >>> refuse_weights({'w': jnp.ones(2)})
    """
    for path, x in weights.items():
        if isinstance(x, Tracer):
            continue
        with jax.ensure_compile_time_eval():
            finite = bool(jnp.all(jnp.isfinite(x)))
        if not finite:
            raise ValueError(f"{path!r} holds NaN or infinity, which cannot be ranked")
