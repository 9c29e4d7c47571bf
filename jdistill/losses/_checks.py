"""What losses refuse: what is no array, and shapes that do not belong together."""

from typing import Any

import jax.numpy as jnp

from jdistill.kinds import got


def arrays(**given: Any) -> None:
    """Refuses what is no array, such as a list of numbers.

    Raises:
        TypeError: with its name and type.

    Example:
        >>> arrays(student=[1.0, 2.0])
        Traceback (most recent call last):
        TypeError: student must be an array, got a list
    """
    for name, value in given.items():
        if not hasattr(value, "shape") or not hasattr(value, "astype"):
            raise TypeError(f"{name} must be an array, got {got(value)}")


def several(what: str, **sides: Any) -> None:
    """Refuses one array where a loss takes a tuple of them.

    Raises:
        ValueError: with the side's name and shape.
        TypeError: it is no tuple of arrays.

    Example:
        >>> several("levels", student=(jnp.ones(2), jnp.ones(3)))
    """
    for name, side in sides.items():
        if hasattr(side, "shape"):
            raise ValueError(
                f"{name} is one array of shape {side.shape}: it must be a tuple, {what}"
            )
        if not isinstance(side, list | tuple):
            raise TypeError(f"{name} must be a tuple, {what}, got {got(side)}")
        for one in side:
            arrays(**{name: one})


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


def one_label_each(logits: Any, labels: Any) -> None:
    """Refuses labels that are not one class for each example or token of the logits.

    Raises:
        ValueError: their shape is not that of the logits without the classes.
        TypeError: they are not integers.

    Example:
        >>> import numpy as np
        >>> one_label_each(np.ones((2, 3)), np.array([0, 2]))
    """
    arrays(logits=logits, labels=labels)
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
        TypeError: one is no array.

    Example:
        >>> import numpy as np
        >>> same_shape(np.ones(3), np.ones(3))
    """
    arrays(student=student, teacher=teacher)
    if student.shape != teacher.shape:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: they must "
            "be equal"
        )
