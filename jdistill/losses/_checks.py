"""What losses refuse: shapes that differ, numbers out of range where they are known."""

from typing import Any

import jax.numpy as jnp
from jax.core import Tracer


def known(value: Any) -> bool:
    """Whether a number can be checked: not inside a trace.

    Example:
        >>> known(0.5)
        True
    """
    return not isinstance(value, Tracer)


def several(what: str, **sides: Any) -> None:
    """Refuses one array where a loss takes a tuple of them.

    Raises:
        ValueError: with the side's name and shape.

    Example:
        >>> several("levels", student=(1, 2))
    """
    for name, side in sides.items():
        if hasattr(side, "shape"):
            raise ValueError(
                f"{name} is one array of shape {side.shape}: it must be a tuple, {what}"
            )


def of_tokens(token_mask: Any, features: Any) -> None:
    """Refuses a mask that is not one number for each token of the features.

    Raises:
        ValueError: with both shapes.

    Example:
        >>> import numpy as np
        >>> of_tokens(np.ones((2, 3)), np.ones((2, 3, 8)))
    """
    if token_mask.shape != features.shape[:2]:
        raise ValueError(
            f"token_mask has shape {token_mask.shape}, the features {features.shape}: "
            "it must be [batch, steps] of them"
        )


def positive(name: str, value: Any) -> None:
    """Refuses a known number that is not above 0, or without end.

    Raises:
        ValueError: it is 0, negative, infinite or not a number.

    Example:
        >>> positive("temperature", 4.0)
    """
    if known(value) and not value > 0:
        raise ValueError(f"{name} must be above 0, got {value}")
    if known(value) and value == float("inf"):
        raise ValueError(f"{name} must be above 0 and finite, got {value}")


def fraction(name: str, value: Any) -> None:
    """Refuses a known number that is not from 0 to below 1.

    Raises:
        ValueError: it is negative, 1 or more, or not a number.

    Example:
        >>> fraction("alpha", 0.0)
    """
    if known(value) and not 0 <= value < 1:
        raise ValueError(f"{name} must be from 0 to below 1, got {value}")


def one_label_each(logits: Any, labels: Any) -> None:
    """Refuses labels that are not one class for each example or token of the logits.

    Raises:
        ValueError: their shape is not that of the logits without the classes.
        TypeError: they are not integers.

    Example:
        >>> import numpy as np
        >>> one_label_each(np.ones((2, 3)), np.array([0, 2]))
    """
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"logits have shape {logits.shape}, labels {labels.shape}: labels must be "
            f"{logits.shape[:-1]}"
        )
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"labels must be integers, got {labels.dtype}")


def same_shape(student: Any, teacher: Any) -> None:
    """Refuses two arrays that only broadcasting would make fit.

    Raises:
        ValueError: their shapes differ.

    Example:
        >>> import numpy as np
        >>> same_shape(np.ones(3), np.ones(3))
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: they must "
            "be equal"
        )
