"""What a compression changes: the selected weights, each with its use."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jdistill import tree
from jdistill.ops import Use
from jdistill.typing import Observed, Tree

Products = Mapping[str, Use]
"""How products read each weight, by path, as `ops.uses` finds it."""


def uses_of(params: Tree, where: tree.Where, products: Products | None) -> Products:
    """The uses of the floating-point parameters that `where` selects.

    By default these are the weights of products, without those that the batch also
    looks entries up in: embeddings, and heads that are tied to one. A parameter that no
    product reads, or whose model was not looked into, is taken as `[..., outputs]`.

    Raises:
        ValueError: `where` or a product names no parameter; there is nothing to select.

    Example:
        >>> params = {'a': jnp.ones((3, 2)), 'b': jnp.ones(2)}
        >>> uses_of(params, 'a', None)['a']
        Use(contracted=(0,), kept=(1,), layers=(), keys=(), looked_up=False)
    """
    found = products or {}
    default = None
    if products is not None:
        tree.select(params, [*found] or None, default=".*")  # refuses unknown names
        default = [path for path, use in found.items() if not use.looked_up]
        if where is None and not default:
            raise ValueError(
                "the model has no product with a weight of its own (looked up are "
                f"{[*found]}): say where= the parameters to change are"
            )
    paths = tree.select(params, where, default=default)
    leaves = {p: x for p, x in tree.flatten(params).items() if p in paths}
    return {
        path: found.get(path, _kernel(np.ndim(x)))
        for path, x in leaves.items()
        if jnp.issubdtype(jnp.result_type(x), jnp.floating)
    }


def to_front(x: Any, axes: Sequence[int]) -> Any:
    """The array with some of its axes first, in their order.

    Example:
        >>> to_front(jnp.ones((2, 3, 4)), (1,)).shape
        (3, 2, 4)
    """
    return jnp.moveaxis(x, tuple(axes), tuple(range(len(axes))))


def from_front(x: Any, axes: Sequence[int]) -> Any:
    """The inverse of `to_front`.

    Example:
        >>> from_front(jnp.ones((3, 2, 4)), (1,)).shape
        (2, 3, 4)
    """
    return jnp.moveaxis(x, tuple(range(len(axes))), tuple(axes))


def layer_of(x: Any, seen: Observed) -> Any:
    """The layer of a weight that calibration has observed.

    Example:
        >>> layer_of(jnp.arange(6).reshape(2, 3), Observed((1,), (2,), {}))
        Array([2, 5], dtype=int32)
    """
    return to_front(x, seen.axes)[tuple(seen.index)]


def with_layer(x: Any, seen: Observed, layer: Any) -> Any:
    """The weight with that layer in its place.

    Example:
        >>> with_layer(jnp.zeros((2, 2)), Observed((1,), (0,), {}), jnp.ones(2))
        Array([[1., 0.],
               [1., 0.]], dtype=float32)
    """
    front = to_front(x, seen.axes).at[tuple(seen.index)].set(layer)
    return from_front(front, seen.axes)


def use_of_layer(use: Use, seen: Observed) -> Use:
    """The use of a layer by itself, in the axes that it has left.

    Example:
        >>> use_of_layer(Use((1,), (2,), (0,)), Observed((0,), (1,), {}))
        Use(contracted=(0,), kept=(1,), layers=(), keys=(), looked_up=False)
    """

    def left(axes):
        kept = (axis for axis in axes if axis not in seen.axes)
        return tuple(axis - sum(gone < axis for gone in seen.axes) for axis in kept)

    return Use(left(use.contracted), left(use.kept), left(use.layers))


def _kernel(rank: int) -> Use:
    last = rank - 1 if rank > 1 else rank
    return Use(tuple(range(last)), tuple(range(last, rank)))
