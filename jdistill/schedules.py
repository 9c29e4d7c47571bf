"""Schedules: `step -> value`, for weights, temperatures, sparsities.

Every optax schedule is one too. The step and the numbers may be traced.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer

from jdistill.checks import finite, whole
from jdistill.typing import Number, Schedule

__all__ = ["constant", "cubic", "linear", "piecewise"]


def constant(value: Number | int) -> Schedule:
    """The same value at every step, `v(t) = value`.

    Args:
        value: the value.

    Returns:
        A schedule.

    Example:
        >>> constant(0.5)(100)
        0.5
    """
    finite(value=value)
    return lambda step: value


def linear(
    *, start: Any, end: Any, target: Number | int, initial: Number | int = 0.0
) -> Schedule:
    r"""A straight line, constant outside.

    .. math:: v(t) = v_i + (v_f - v_i) \frac{t - t_0}{t_1 - t_0}

    Args:
        start: t_0, the last step with the first value.
        end: t_1, the first step with the last value, after `start`.
        target: v_f, the last value.
        initial: v_i, the first value.

    Returns:
        A schedule.

    Raises:
        ValueError: `end` is not after `start`.

    Example:
        >>> float(linear(start=10, end=20, target=4.0)(15))
        2.0
    """
    return _power(start, end, target, initial, exponent=1)


def cubic(
    *, start: Any, end: Any, target: Number | int, initial: Number | int = 0.0
) -> Schedule:
    r"""The gradual pruning schedule: fast at first, slow at the end, constant outside.

    .. math:: s_t = s_f + (s_i - s_f) \left(1 - \frac{t - t_0}{t_1 - t_0}\right)^3

    Args:
        start: t_0, the last step with the first value.
        end: t_1, the first step with the last value, after `start`.
        target: s_f, the last value.
        initial: s_i, the first value.

    Returns:
        A schedule.

    Raises:
        ValueError: `end` is not after `start`.

    References:
        Zhu, Gupta, To prune, or not to prune: exploring the efficacy of pruning for
        model compression, 2017 (arXiv:1710.01878).

    Example:
        >>> float(cubic(start=0, end=10, target=0.8)(5)).__round__(6)
        0.7
    """
    return _power(start, end, target, initial, exponent=3)


def piecewise(
    values: Mapping[int, Number | int], *, initial: Number | int = 0.0
) -> Schedule:
    r"""Steps: from each boundary on, its value.

    .. math:: v(t) = v_k \quad \text{for the largest boundary } b_k \le t

    Args:
        values: the value from each boundary step on.
        initial: the value before the first boundary.

    Returns:
        A schedule.

    Raises:
        ValueError: there is no boundary.

    Example:
        >>> [float(piecewise({10: 0.5, 20: 0.9})(t)) for t in (9, 10, 19)]
        [0.0, 0.5, 0.5]
    """
    if not isinstance(values, Mapping) or not values:
        raise ValueError(
            f"values must have a boundary, such as {{100: 0.5}}, got {values!r}"
        )
    whole(**{f"boundary {step!r} of values": step for step in values}, least=0)
    finite(**{f"values[{step}]": value for step, value in values.items()})
    finite(initial=initial)
    boundaries = sorted(values)

    def schedule(step):
        value = jnp.asarray(initial, jnp.float32)
        for boundary in boundaries:
            value = jnp.where(step >= boundary, values[boundary], value)
        return value

    return schedule


def _power(start, end, target, initial, *, exponent):
    finite(start=start, end=end, target=target, initial=initial)
    if not _traced(start, end) and end <= start:
        raise ValueError(f"end must be after start, got start={start}, end={end}")

    def schedule(step):
        done = jnp.clip((step - start) / (end - start), 0.0, 1.0)
        left = (1.0 - done) ** exponent
        return initial * left + target * (1.0 - left)  # exact at both ends

    return schedule


def _traced(*numbers):
    return any(isinstance(number, Tracer) for number in numbers)
