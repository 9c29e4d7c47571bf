"""Feature maps made comparable: equal axes, unit length, equal size."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jdistill.losses._checks import arrays


def agree(student: Any, teacher: Any, form: str, *, free: str = "") -> None:
    """Refuses two arrays that do not have these axes or differ in one of them.

    Raises:
        ValueError: with both shapes, the axes and which must be equal.

    Example:
        >>> agree(np.ones((2, 3)), np.ones((2, 4)), "batch dim", free="dim")
    """
    arrays(student=student, teacher=teacher)
    axes = form.split()
    equal = [axis for axis in axes if axis not in free.split()]
    fits = len(student.shape) == len(teacher.shape) == len(axes) and all(
        ours == theirs
        for axis, ours, theirs in zip(axes, student.shape, teacher.shape, strict=True)
        if axis in equal
    )
    if not fits:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: both must be "
            f"[{', '.join(axes)}] and equal in {', '.join(equal)}"
        )


def unit(x: Any, axis: int | tuple[int, ...]) -> Any:
    """An array divided by its length along an axis; zeros stay zeros.

    Their gradient is zero, too.

    Example:
        >>> unit(jnp.array([[3.0, 4.0], [0.0, 0.0]]), -1)
        Array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """
    squares = jnp.sum(x * x, axis=axis, keepdims=True)
    some = squares > 0
    return jnp.where(some, x / jnp.sqrt(jnp.where(some, squares, 1.0)), 0.0)


def magnitude(x: Any) -> Any:
    """The absolute value, with gradient 0 at 0, where `jnp.abs` has 1.

    Example:
        >>> import jax
        >>> jax.grad(magnitude)(0.0).item(), jax.grad(magnitude)(-2.0).item()
        (0.0, -1.0)
    """
    return x * jnp.sign(x)


def average_pool(x: Any, height: int, width: int) -> Any:
    """Means over `height x width` cells of a map `[batch, height, width, channels]`.

    A cell begins and ends where its share of the map does, rounded outwards, so cells
    overlap where the size is no multiple.

    Example:
        >>> average_pool(jnp.arange(3.0).reshape(1, 3, 1, 1), 2, 1).ravel()
        Array([0.5, 1.5], dtype=float32)
    """
    if x.shape[1:3] == (height, width):
        return x
    rows, columns = _shares(x.shape[1], height), _shares(x.shape[2], width)
    return jnp.einsum("bhwc,hr,ws->brsc", x, rows, columns)


def max_pool(x: Any, height: int, width: int) -> Any:
    """The largest values of the cells that `average_pool` takes the means of.

    Example:
        >>> max_pool(jnp.arange(4.0).reshape(1, 4, 1, 1), 2, 1).ravel()
        Array([1., 3.], dtype=float32)
    """
    if x.shape[1:3] == (height, width):
        return x
    x = jnp.max(jnp.take(x, _members(x.shape[1], height), axis=1), axis=2)
    return jnp.max(jnp.take(x, _members(x.shape[2], width), axis=2), axis=3)


def _cells(size: int, cells: int) -> list[range]:
    """The positions of each cell."""
    return [
        range(cell * size // cells, -(-(cell + 1) * size // cells))
        for cell in range(cells)
    ]


def _shares(size: int, cells: int) -> np.ndarray:
    """`[size, cells]`, the weight of a position in the mean of a cell."""
    shares = np.zeros((size, cells), np.float32)
    for cell, positions in enumerate(_cells(size, cells)):
        shares[positions, cell] = 1 / len(positions)
    return shares


def _members(size: int, cells: int) -> np.ndarray:
    """`[cells, longest]`, the positions of each cell, its last one repeated."""
    members = _cells(size, cells)
    longest = max(map(len, members))
    return np.array([[*m, *[m[-1]] * (longest - len(m))] for m in members])
