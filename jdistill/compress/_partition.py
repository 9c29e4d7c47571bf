"""What is frozen by construction: it has no gradient and no moments."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.typing import Tree


def moving(params: Tree, trainable: Tree) -> Tree:
    """The leaves that may move, None in the places of those that never do.

    A leaf never moves where `trainable` is False itself, or where it is no number with
    a gradient, such as an integer; an array of booleans, as of a mask, may change from
    step to step.

    Args:
        params: any tree.
        trainable: like it; True, False or an array of booleans each.

    Returns:
        A tree of the same form; None holds nothing, for optimisers and gradients.

    Example:
        >>> moving({'a': 1.0, 'b': 2.0}, {'a': True, 'b': False})
        {'a': 1.0, 'b': None}
    """

    def chosen(x: Any, may: Any) -> Any:
        smooth = jnp.issubdtype(jnp.result_type(x), jnp.inexact)
        return x if smooth and may is not False else None

    return jax.tree.map(chosen, params, trainable)


def joined(part: Tree, whole: Tree) -> Tree:
    """The whole tree with the leaves of a part in their places.

    Args:
        part: as `moving` gives it, None where it holds nothing.
        whole: a tree of the same form.

    Returns:
        A tree of this form.

    Example:
        >>> joined({'a': 5.0, 'b': None}, {'a': 1.0, 'b': 2.0})
        {'a': 5.0, 'b': 2.0}
    """
    return jax.tree.map(_chosen, part, whole, is_leaf=lambda x: x is None)


def filled(part: Tree, whole: Tree) -> Tree:
    """The part with zeros where it holds nothing: gradients of what never moves.

    Args:
        part: as `moving` gives it, None where it holds nothing.
        whole: a tree of the same form, for shapes and types.

    Returns:
        A tree of this form.

    Example:
        >>> filled({'a': jnp.ones(1), 'b': None}, {'a': jnp.ones(1), 'b': jnp.ones(2)})
        {'a': Array([1.], dtype=float32), 'b': Array([0., 0.], dtype=float32)}
    """
    return joined(part, jax.tree.map(jnp.zeros_like, whole))


def _chosen(mine: Any, other: Any) -> Any:
    return other if mine is None else mine
